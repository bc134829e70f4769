"""CPython's own tests of asyncio (``test.test_asyncio``, shipped with the interpreter) on the loop of workflows.

python -m cpython_tests test_locks test_queues      # prints JSON: for each test "ok", "skipped" or its error
"""

from __future__ import annotations

import asyncio
import heapq
import importlib
import inspect
import json
import sys
import unittest
import warnings
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from itertools import count
from typing import Any
from unittest import mock

from sagaline._runtime import set_order
from sagaline._runtime.loop import DeterministicLoop, WorkflowTask, WorkflowTimer
from sagaline._runtime.setup import Bounds

MODULES = ("test_locks", "test_queues", "test_timeouts", "test_taskgroups", "test_waitfor", "test_tasks")
_START_MS = 1_764_086_400_000
Times = Callable[[], Generator[Any, float, None]]


class TestedLoop(DeterministicLoop):
    """The loop with what a test needs around it: time that goes on when all is quiet, and ``run_until_complete``.

    ``times`` says how far, as ``test_utils.TestLoop`` of CPython has it; without it time goes on to the next timer.
    """

    def __init__(self, start_ms: int = _START_MS, times: Times | None = None) -> None:
        super().__init__(0, Bounds())
        self._heap: list[tuple[int, int, WorkflowTimer]] = []
        self._order = count(1)
        self._new: list[float] = []
        self._times = None if times is None else times()
        if self._times is not None:
            next(self._times)
        self._default_executor = None  # looked at by the tests' clean-up
        self._debug = False
        self._factory: Callable[..., Any] | None = None
        self.begin(start_ms)

    def start_timer(self, due_ms: int, handle: WorkflowTimer) -> None:
        handle.number = next(self._order)
        heapq.heappush(self._heap, (due_ms, handle.number, handle))
        self._new.append(handle.when())

    def stop_timer(self, handle: WorkflowTimer) -> None:
        self._heap = [entry for entry in self._heap if entry[2] is not handle]
        heapq.heapify(self._heap)

    def run_until_complete(self, work: Any) -> Any:
        """Runs it, and everything else, until it is done."""
        before = asyncio._get_running_loop()
        if before is not None:
            work.close()
            raise RuntimeError("Cannot run the event loop while another loop is running")
        asyncio._set_running_loop(self)
        try:
            future = asyncio.ensure_future(work, loop=self)
            self.drain()
            while not future.done():
                self._advance()
                self.drain()
        finally:
            asyncio._set_running_loop(None)
        return future.result()

    def _advance(self) -> None:
        new, self._new = self._new, []
        if self._times is not None and new:
            for when in new:
                self.advance_time(self._times.send(when))
        elif self._heap:
            self.begin(max(self._now_ms, self._heap[0][0]))
        else:
            raise RuntimeError("Event loop stopped before Future completed.")
        while self._heap and self._heap[0][0] <= self._now_ms:
            handle = heapq.heappop(self._heap)[2]
            self.reach(handle.when())
            self._ready.append(handle)

    def advance_time(self, seconds: float) -> None:
        """Time goes on."""
        self.begin(self._now_ms + round(seconds * 1_000))

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        if self._factory is None:
            return super().create_task(coro, **options)
        task: asyncio.Task[Any] = self._factory(self, coro, **options)
        return task

    def set_task_factory(self, factory: Any) -> None:
        self._factory = factory

    def get_debug(self) -> bool:
        return self._debug

    def set_debug(self, enabled: bool) -> None:
        self._debug = enabled

    def close(self) -> None:
        self.clear()


class TestedTask(WorkflowTask):
    """A task as the tests make it."""

    _numbers = count(1)

    def __init__(self, coro: Coroutine[Any, Any, Any], *, loop: Any, name: str | None = None, **options: Any) -> None:
        super().__init__(coro, loop, next(self._numbers), name=name, **options)


class Runner:
    """What ``IsolatedAsyncioTestCase`` uses of ``asyncio.Runner``."""

    def __init__(self) -> None:
        self._loop: Any = TestedLoop()  # type: ignore[abstract]  # as in _runtime.instance

    def get_loop(self) -> Any:
        """The loop."""
        return self._loop

    def run(self, work: Any, *, context: Context) -> Any:
        """Runs it in that context."""
        self._loop.begin(self._loop._now_ms)
        return context.run(self._loop.run_until_complete, work)

    def close(self) -> None:
        """Nothing is open."""
        self._loop.close()


class OnOurLoop:
    """Put in front of a test's class."""

    _asyncioRunner: Any

    def _setupAsyncioRunner(self) -> None:
        self._asyncioRunner = Runner()

    def new_test_loop(self, gen: Times | None = None) -> Any:
        """For the tests that make loops themselves."""
        loop: Any = TestedLoop(0, gen)  # type: ignore[abstract]
        self.set_event_loop(loop)  # type: ignore[attr-defined]
        return loop


def cases(module: Any) -> list[type[unittest.TestCase]]:
    """Classes of the module that are to run: those about tasks once, with ours."""
    listed: list[Any] = []
    for name, value in vars(module).items():
        if inspect.isclass(value) and issubclass(value, unittest.TestCase) and value.__module__ == module.__name__:
            if not issubclass(value, getattr(module, "BaseTaskTests", ())) and "PyTask" not in name:
                listed.append(type(name, (OnOurLoop, value), {}))
    if hasattr(module, "BaseTaskTests"):
        bases = (OnOurLoop, module.BaseTaskTests, module.SetMethodsTest, module.test_utils.TestCase)
        listed.append(type("TaskTests", bases, {"Task": TestedTask, "Future": asyncio.Future}))
    return listed


def run(name: str) -> dict[str, str]:
    """Runs one module's tests; returns how each went."""
    set_order.install()
    module = importlib.import_module(f"test.test_asyncio.{name}")
    outcomes: dict[str, str] = {}
    for case in cases(module):
        for method in unittest.defaultTestLoader.getTestCaseNames(case):
            result = unittest.TestResult()
            case(method).run(result)
            problems = [*result.errors, *result.failures]
            text = "skipped" if result.skipped else "ok"
            if problems:
                text = problems[0][1].strip().splitlines()[-1][:200]
            outcomes[f"{case.__name__}.{method}"] = text
    return outcomes


def main() -> None:
    """Prints the outcomes of the modules that are named."""
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None  # tests leave coroutines behind
    names = sys.argv[1:] or MODULES
    with mock.patch("sys.stderr"):
        outcomes = {name: run(name) for name in names}
    print(json.dumps(outcomes, indent=1))


if __name__ == "__main__":
    main()
