"""Threads that never keep the process alive."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from sagaline._log.pool import DaemonPool


def test_calls_run_and_raise() -> None:
    pool = DaemonPool(2, "test")
    assert pool.submit(lambda a, b: a + b, 1, b=2).result(10) == 3
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 // 0).result(10)
    with pytest.raises(RuntimeError, match="StopIteration"):
        pool.submit(next, iter(())).result(10)
    with pytest.raises(SystemExit):
        pool.submit(sys.exit, 3).result(10)
    pool.shutdown(wait=True)
    with pytest.raises(RuntimeError, match="given up"):
        pool.submit(print)


def test_there_are_no_more_threads_than_asked_for_and_idle_ones_are_used_again() -> None:
    pool = DaemonPool(2, "bounded")
    gate = threading.Event()
    calls = [pool.submit(gate.wait, 10) for _ in range(5)]
    assert len([thread for thread in threading.enumerate() if thread.name.startswith("bounded")]) == 2
    gate.set()
    assert all(call.result(10) for call in calls)
    for _ in range(20):
        pool.submit(lambda: None).result(10)
    assert len([thread for thread in threading.enumerate() if thread.name.startswith("bounded")]) <= 2
    pool.shutdown(wait=True)


def test_one_that_waits_can_be_called_off() -> None:
    pool = DaemonPool(1, "queue")
    gate, ran = threading.Event(), threading.Event()
    first = pool.submit(gate.wait, 10)
    second = pool.submit(ran.set)
    assert second.cancel()
    gate.set()
    assert first.result(10)
    pool.shutdown(wait=True)
    assert not ran.is_set()


def test_a_thread_that_hangs_does_not_keep_the_process() -> None:
    code = """
import threading
from sagaline._log.pool import DaemonPool
DaemonPool(1, "hangs").submit(threading.Event().wait)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=20, check=False).returncode == 0
