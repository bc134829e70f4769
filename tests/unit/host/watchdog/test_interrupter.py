"""What of a process is interrupted, and what never is."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from sagaline._host.watchdog.interrupter import Interrupter
from sagaline._host.watchdog.running import Running
from sagaline._runtime.interrupt import Interrupted

FOR_EVER = r"(a+)+$", "a" * 64 + "b"


@pytest.fixture
def interrupter() -> Iterator[Interrupter]:
    made = Interrupter(Running())
    assert made.install()
    yield made
    made.remove()
    assert signal.getsignal(signal.SIGVTALRM) == signal.SIG_DFL


def soon(interrupter: Interrupter, turn: int) -> None:
    threading.Timer(0.05, interrupter.interrupt, [turn]).start()


@pytest.mark.parametrize(
    "code",
    [lambda: [None for _ in iter(int, 1)], lambda: time.sleep(1_000)],
    ids=["loop", "sleep"],
)
def test_user_code_is_interrupted_where_it_is(interrupter: Interrupter, code: object) -> None:
    running = interrupter._running
    running.enter("w", "r")
    soon(interrupter, running.turn)
    with pytest.raises(Interrupted, match="blocked"):
        code()  # type: ignore[operator]
    running.leave()
    assert "test_interrupter.py" in running.interrupted
    running.enter("w", "next")
    assert running.interrupted == ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # one may hit a finaliser
def test_nothing_but_user_code_is_interrupted_however_often_it_is_tried(interrupter: Interrupter) -> None:
    """Interrupts come at any bytecode; the engine's own lines, between leave and enter, never see one."""
    running = interrupter._running
    interrupted, stop = 0, threading.Event()

    def hammer() -> None:
        while not stop.wait(0.0001):
            interrupter.interrupt(running.turn)

    thread = threading.Thread(target=hammer, daemon=True)
    thread.start()
    try:
        ends_at = time.monotonic() + 60
        while interrupted < 300 and time.monotonic() < ends_at:
            try:
                running.call("w", "r", lambda: [number * number for number in range(200)])
            except Interrupted:
                interrupted += 1
            assert running.code is None
            assert len([number * number for number in range(200)]) == 200  # the engine's own work
    finally:
        stop.set()
        thread.join()
    assert interrupted == 300


def test_an_interrupt_for_an_earlier_turn_is_dropped(interrupter: Interrupter) -> None:
    running = interrupter._running
    running.enter("w", "first")
    earlier = running.turn
    running.leave()
    running.enter("w", "second")
    interrupter.interrupt(earlier)
    running.leave()


def test_code_that_lets_no_other_thread_run_is_interrupted_by_the_kernels_timer(interrupter: Interrupter) -> None:
    running = interrupter._running
    running.enter("w", "r")
    interrupter.guard(0.2)
    with pytest.raises(Interrupted):
        re.match(*FOR_EVER)
    running.leave()


def test_time_that_other_threads_have_spent_interrupts_nobody(interrupter: Interrupter) -> None:
    running = interrupter._running
    running.enter("w", "innocent")
    interrupter.guard(0.1)
    spent = threading.Thread(target=lambda: re.match(r"(a+)+$", "a" * 22 + "b"))
    spent.start()
    spent.join()
    running.leave()


def test_a_signal_that_is_another_s_is_left_alone() -> None:
    before = signal.signal(signal.SIGVTALRM, signal.SIG_IGN)
    try:
        assert not Interrupter(Running()).install()
        assert signal.getsignal(signal.SIGVTALRM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGVTALRM, before)
