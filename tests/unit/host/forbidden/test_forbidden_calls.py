"""Forbidden calls in workflow code raise with the line and the advice; the same calls elsewhere are as ever."""

from __future__ import annotations

import asyncio
import datetime
import glob
import logging
import os
import random
import re
import secrets
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field
from script import ACTIVITIES, Script, fetch, result

from sagaline import workflow
from sagaline._host import forbidden
from sagaline._runtime import watching
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.definitions import Registry
from sagaline._runtime.flags import CURRENT, FORBIDDEN_CALLS_RAISE

LATER = sys.version_info >= (3, 12)


class Receipt(BaseModel):
    id: uuid.UUID = Field(default_factory=uuid.uuid4)


CALLS: dict[str, tuple[Callable[[], object], str]] = {
    "time.time()": (lambda: time.time(), r"workflow.now\(\)"),
    "time.monotonic()": (lambda: time.monotonic(), r"workflow.now\(\)"),
    "time.perf_counter_ns()": (lambda: time.perf_counter_ns(), r"workflow.now\(\)"),
    "datetime.now()": (lambda: datetime.datetime.now(), r"workflow.now\(\)"),
    "datetime.now() ": (lambda: datetime.datetime.now(datetime.UTC), r"workflow.now\(\)"),
    "date.today()": (lambda: datetime.date.today(), r"workflow.now\(\)"),
    "random.random()": (lambda: random.random(), r"workflow.random\(\)"),
    "random.choice()": (lambda: random.choice([1, 2]), r"workflow.random\(\)"),
    "random.randint()": (lambda: random.randint(1, 2), r"workflow.random\(\)"),
    "random.shuffle()": (lambda: random.shuffle([1, 2]), r"workflow.random\(\)"),
    "uuid.uuid4()": (lambda: uuid.uuid4(), r"workflow.uuid4\(\)"),
    "uuid.uuid4() ": (lambda: Receipt(), r"workflow.uuid4\(\)"),
    "uuid.uuid1()": (lambda: uuid.uuid1(), r"workflow.uuid4\(\)"),
    "os.urandom()": (lambda: os.urandom(8), "in an activity"),
    "secrets.token_bytes()": (lambda: secrets.token_hex(8), "in an activity"),
    "os.getpid()": (lambda: os.getpid(), "an argument"),
    "os.getenv()": (lambda: os.getenv("HOME"), "an argument"),
    "os.environ": (lambda: os.environ["HOME"], "an argument"),
    "os.environ ": (lambda: os.environ.get("HOME"), "an argument"),
    "open()": (lambda: open("/dev/null"), "@activity"),
    "open()  ": (lambda: Path("/dev/null").read_text(), "@activity"),
    "os.listdir()": (lambda: os.listdir("/"), "@activity"),
    "glob.glob()": (lambda: glob.glob("*"), "@activity"),
    "tempfile.mkstemp()": (lambda: tempfile.mkstemp(), "@activity"),
    "sqlite3.connect()": (lambda: sqlite3.connect(":memory:"), "@activity"),
    "socket.socket()": (lambda: socket.socket(), "@activity"),
    "socket.getaddrinfo()": (lambda: socket.create_connection(("127.0.0.1", 1)), "@activity"),
    "subprocess.Popen()": (lambda: subprocess.run(["true"]), "@activity"),
    "os.system()": (lambda: os.system("true"), "@activity"),
    "a thread's start()": (lambda: threading.Thread(target=print).start(), "@activity"),
    "time.sleep()": (lambda: time.sleep(0.001), r"workflow.sleep\(\)"),
}


@workflow
async def calls(name: str) -> str:
    await fetch("first")
    return str(CALLS[name][0]())


@workflow
async def swallows(name: str) -> str:
    try:
        return str(CALLS[name][0]())
    except Exception:
        return "nothing happened"


@pytest.fixture(autouse=True)
def _watched() -> Iterator[None]:
    forbidden.watch(Registry([calls.definition, swallows.definition], ACTIVITIES))
    watching.count_anew()
    yield
    assert sys.getprofile() is None


@pytest.mark.parametrize("name", CALLS)
def test_in_workflow_code_they_raise(name: str) -> None:
    script = Script(calls, f'["{name}"]'.encode())
    with pytest.raises(WorkflowBug) as caught:
        script.done(1)
    failure = caught.value.failure
    assert failure.type == "ForbiddenInWorkflow"
    assert f"test_forbidden_calls.py:{CALLS[name][0].__code__.co_firstlineno} calls {name.strip()}" in failure.message
    assert re.search(CALLS[name][1], failure.message), failure.message


@pytest.mark.parametrize("name", ["time.time()", "open()", "uuid.uuid4()"])
def test_code_that_catches_the_error_does_not_get_further(name: str) -> None:
    with pytest.raises(WorkflowBug, match="Expected deterministic code"):
        Script(swallows, f'["{name}"]'.encode())


def done_without_error(call: Callable[[], object]) -> bool:
    try:
        made: Any = call()
    except OSError:
        return True  # nobody listens there
    if hasattr(made, "close"):
        made.close()
    return True


@pytest.mark.parametrize("name", CALLS)
async def test_anywhere_else_they_are_as_ever(name: str) -> None:
    """In the process's other code, in other threads, and beside a workflow that waits."""
    script = Script(calls, f'["{name}"]'.encode())
    call = CALLS[name][0]

    done_without_error(call)
    await asyncio.to_thread(done_without_error, call)
    script.instance.evict()


def test_the_runs_own_generator_is_not_the_shared_one() -> None:
    @workflow
    async def draws() -> list[int]:
        draw = workflow.random()
        items = [1, 2, 3]
        draw.shuffle(items)
        return [draw.randint(1, 6), draw.choice([7]), len(items), random.Random(7).randint(1, 6), int(draw.random())]

    forbidden.watch(Registry([draws.definition], ACTIVITIES))
    assert result(Script(draws).commands).endswith(b",7,3,3,0]")


def test_helpers_are_looked_at_too() -> None:
    class Till:
        def __init__(self) -> None:
            self.opened = time.time()

    def helper() -> Till:
        return Till()

    @workflow
    async def opens() -> float:
        return helper().opened

    forbidden.watch(Registry([opens.definition], ACTIVITIES))
    with pytest.raises(WorkflowBug, match=r"test_forbidden_calls.py:\d+ calls time.time\(\)"):
        Script(opens)


def test_logging_and_imports_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "late_settings.py").write_text("import os, time\nSTARTED, HOME = time.time(), os.environ['HOME']\n")
    monkeypatch.syspath_prepend(tmp_path)
    handler = logging.FileHandler(tmp_path / "run.log", delay=True)
    monkeypatch.setattr(workflow.logger.logger, "handlers", [handler])
    monkeypatch.setattr(workflow.logger.logger, "level", logging.INFO)

    @workflow
    async def logs() -> bool:
        import late_settings  # type: ignore[import-not-found]

        workflow.logger.info("began")
        return bool(late_settings.HOME)

    forbidden.watch(Registry([logs.definition], ACTIVITIES))
    assert result(Script(logs).commands) == b"true"
    handler.close()
    assert "[w] began" in (tmp_path / "run.log").read_text()


def test_what_is_meant_is_said() -> None:
    @workflow
    async def measures() -> bool:
        with workflow.unchecked():
            began = time.perf_counter()
            os.getenv("HOME")
        return began > 0

    @workflow
    async def forgets() -> float:
        with workflow.unchecked():
            pass
        return time.time()

    forbidden.watch(Registry([measures.definition, forgets.definition], ACTIVITIES))
    assert result(Script(measures).commands) == b"true"
    with pytest.raises(WorkflowBug, match=r"calls time.time\(\)"):
        Script(forgets)


@workflow
async def records(name: str) -> bool:
    done = workflow.side_effect(lambda: done_without_error(CALLS[name][0]))
    time.time()
    return done


@pytest.mark.parametrize("name", CALLS)
def test_side_effects_may_and_what_follows_may_not(name: str) -> None:
    forbidden.watch(Registry([records.definition], ACTIVITIES))
    with pytest.raises(WorkflowBug, match=r"calls time.time\(\)"):
        Script(records, f'["{name}"]'.encode())


def test_runs_from_before_are_not_looked_at() -> None:
    old = tuple(flag for flag in CURRENT if flag != FORBIDDEN_CALLS_RAISE)
    script = Script(calls, b'["time.time()"]', flags=old)
    assert float(result(script.done(1))[1:-1]) > 0


@pytest.mark.skipif(LATER, reason="all activations are looked at")
def test_later_activations_are_looked_at_now_and_then() -> None:
    noticed = 0
    for _ in range(watching.FIRST):
        assert watching.profile_for("calls") is not None
    for _ in range(1_000):
        noticed += watching.profile_for("calls") is not None
    assert noticed == 1_000 / watching.EACH
