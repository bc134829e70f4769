"""Code that blocks is interrupted by a watch: its run is parked, and its instance is of no use any more."""

from __future__ import annotations

import asyncio
import ctypes
import threading
import time
from collections.abc import Iterator

import pytest
from script import ACTIVITIES, Script, fetch, result

from sagaline import workflow
from sagaline._model import events as e
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.definitions import Registry
from sagaline._runtime.instance import Instance
from sagaline._runtime.interrupt import Interrupted
from sagaline._runtime.run import RunInfo
from sagaline._runtime.setup import Setup


class Raiser:
    """A watch whose thread raises Interrupted in code that stays for longer than a moment."""

    def __init__(self) -> None:
        self.interrupted = ""
        self.inside: tuple[str, str] | None = None
        self.turn = 0
        self.left = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._target = threading.get_ident()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def enter(self, workflow_id: str, run_id: str) -> None:
        self.turn += 1
        self.interrupted = ""
        self.inside = (workflow_id, run_id)

    def leave(self) -> None:
        self.left += 1
        with self._lock:
            self.inside = None

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        seen = -1
        while not self._stopped.wait(0.2):
            with self._lock:
                if self.inside is not None and self.turn == seen:
                    self.interrupted = "in the loop"
                    target, error = ctypes.c_ulong(self._target), ctypes.py_object(Interrupted)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(target, error)
                seen = self.turn


@pytest.fixture
def raiser() -> Iterator[Raiser]:
    watch = Raiser()
    yield watch
    watch.stop()


def started(name: str) -> e.RunStarted:
    return e.RunStarted(name, b"[]", "q", "", 0, "")


def instance_of(code: object, watch: Raiser) -> Instance:
    definition = code.definition  # type: ignore[attr-defined]
    return Instance(RunInfo(definition, "w", "r"), Setup(Registry([definition], ACTIVITIES), watch=watch))


def wait_until(moment: float) -> None:
    while time.monotonic() < moment:  # bytecode, which can be interrupted
        pass


@pytest.mark.parametrize("swallows", [False, True])
def test_code_that_blocks_is_interrupted_and_parked_whatever_it_makes_of_it(swallows: bool, raiser: Raiser) -> None:
    @workflow
    async def blocks() -> str:
        try:
            wait_until(time.monotonic() + 20)
        except BaseException:
            if not swallows:
                raise
        return "as if nothing had been"

    began = time.monotonic()
    instance = instance_of(blocks, raiser)
    with pytest.raises(WorkflowBug, match="blocked it for too long") as caught:
        instance.activate([started("blocks")], 1)
    assert time.monotonic() - began < 10
    assert caught.value.failure.type == "Interrupted"
    assert caught.value.failure.stack == "in the loop"
    assert asyncio._get_running_loop() is None
    instance.evict()
    assert raiser.inside is None


def test_code_that_blocks_while_it_is_evicted_costs_no_more_than_that(raiser: Raiser) -> None:
    seen: list[str] = []

    @workflow
    async def blocks() -> None:
        async def branch() -> None:
            try:
                await fetch("b")
            finally:
                seen.append("branch")

        branches = [asyncio.create_task(branch())]
        try:
            await fetch("a")
        finally:
            seen.append("main")
            wait_until(time.monotonic() + 20)
        seen.append(branches[0].get_name())

    instance = instance_of(blocks, raiser)
    instance.activate([started("blocks")], 1)
    instance.evict()
    assert seen == ["main", "branch"]


def test_every_stretch_of_code_is_watched_and_left(raiser: Raiser) -> None:
    @workflow
    async def quick() -> str:
        assert raiser.inside == ("w", "r")
        return await fetch("a")

    instance = instance_of(quick, raiser)
    instance.take_input(b"[]")
    instance.activate([started("quick")], 1)
    assert instance.activate([e.ActivityCompleted(1, 1, b'"x"')], 2) == [e.RunCompleted(b'"x"')]
    assert raiser.inside is None
    assert raiser.turn == raiser.left == 3


def test_without_a_watch_code_runs_as_it_is() -> None:
    @workflow
    async def quick() -> str:
        return "ok"

    assert result(Script(quick).commands) == b'"ok"'
