"""A runner of activities alone: attempts in, results out, no log and no partition."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from harness import eventually

from sagaline import Activity
from sagaline._engine.tables.activities import ActivityRow, StartActivity
from sagaline._host.activities.runner import ActivityRunner, Place
from sagaline._host.options import HostOptions
from sagaline._host.pools import Pools
from sagaline._model.events import ActivityScheduled
from sagaline._model.failure import Failure, RetryPolicy
from sagaline._model.records import ActivityResult, Heartbeat
from sagaline._runtime.definitions import Registry

PLACE: Place = ("n", 0)


class Bench:
    """``results`` in the order of their reports; ``taken_up``: places whose attempts are wanted again."""

    def __init__(self, activities: Sequence[Activity[..., Any]], **options: Any) -> None:
        self.results: list[ActivityResult] = []
        self.beats: list[Heartbeat] = []
        self.taken_up: list[Place] = []
        self.on_report: Callable[[], None] = lambda: None
        self.options = HostOptions("w", **options)
        self.pools = Pools()
        registry = Registry([], [activity.definition for activity in activities])
        self.runner = ActivityRunner(registry, self.options, self.pools, self._report, self.taken_up.append)
        self._step = 0

    def _report(self, place: Place, results: list[ActivityResult | Heartbeat]) -> None:
        self.results += [result for result in results if isinstance(result, ActivityResult)]
        self.beats += [beat for beat in results if isinstance(beat, Heartbeat)]
        self.on_report()

    def start(self, activity: Activity[..., Any], *args: Any, timeout_s: float = 60, **row: Any) -> int:
        """Starts an attempt; returns its step."""
        self._step += 1
        payload = activity.definition.signature.encode_input(args, {})
        self.start_step(self._step, activity.name, payload, timeout_s, **row)
        return self._step

    def start_step(self, step: int, name: str, payload: bytes = b"[]", timeout_s: float = 60, **row: Any) -> None:
        scheduled = ActivityScheduled(step, name, payload, round(timeout_s * 1000), RetryPolicy())
        self.runner.start(PLACE, StartActivity("r", ActivityRow("w", scheduled, **row)))

    def cancel(self, step: int) -> None:
        self.runner.cancel(PLACE, "r", step)

    def forget(self, step: int) -> None:
        self.runner.forget(PLACE, "r", step)

    async def all(self, count: int, limit_s: float = 60) -> list[ActivityResult]:
        """Waits for so many results."""
        await eventually(lambda: len(self.results) >= count, limit_s)
        await asyncio.sleep(0)
        return self.results

    async def failure(self, count: int = 1) -> Failure:
        """The failure that the newest of so many results has."""
        failure = (await self.all(count))[-1].failure
        assert failure is not None, "it was to fail"
        return failure

    def of(self, step: int) -> list[ActivityResult]:
        return [result for result in self.results if result.step == step]


@asynccontextmanager
async def bench(*activities: Activity[..., Any], **options: Any) -> AsyncIterator[Bench]:
    """A runner, closed at the end."""
    made = Bench(activities, **options)
    try:
        yield made
    finally:
        made.runner.close()
        made.pools.close()
        await asyncio.sleep(0)
