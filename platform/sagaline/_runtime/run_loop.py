"""The loop that a run's code runs on: asyncio as it is, and what the code asks for becomes commands."""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import Callable, Collection, Coroutine
from functools import cached_property, partial
from typing import Any

from sagaline._model import events
from sagaline._model.failure import RetryPolicy
from sagaline._runtime.commands import Commands
from sagaline._runtime.definitions import ActivityDefinition
from sagaline._runtime.flags import BOUNDED_ACTIVATIONS
from sagaline._runtime.loop import DeterministicLoop
from sagaline._runtime.run import RunInfo
from sagaline._runtime.setup import Setup
from sagaline._runtime.steps import Step, Steps

_OLD_BOUNDS = 10
Body = Callable[[], Coroutine[Any, Any, Any]]


class RunLoop(DeterministicLoop):
    """Implements ``Calls`` for the code; ``main`` is the task that runs the workflow's function."""

    def __init__(self, run: RunInfo, setup: Setup) -> None:
        bounds = setup.bounds if BOUNDED_ACTIVATIONS in run.flags else setup.bounds.times(_OLD_BOUNDS)
        super().__init__(zlib.crc32(run.run_id.encode()) << 20, bounds)
        self.run = run
        self.commands = Commands(bounds)
        self.table = Steps()
        self.main: asyncio.Task[Any] | None = None
        self.cancel_reason: str | None = None
        self.is_rolling_back = False
        self.rolled_back = False
        self._setup = setup
        self._body: Body | None = None

    # What the code asks for

    @cached_property
    def random(self) -> random.Random:
        """The run's own generator, seeded by its id."""
        return random.Random(self.run.run_id)

    @property
    def now_ms(self) -> int:
        """The activation's time, in milliseconds since 1970."""
        return self._now_ms

    @property
    def is_replaying(self) -> bool:
        """True while history is replayed."""
        return self.commands.is_replaying

    def steps(self) -> Collection[Step]:
        """The activities that were asked for, in the order they started."""
        return self.table.activities.values()

    def live_tasks(self) -> list[asyncio.Task[Any]]:
        """Tasks of the run other than the calling one, in order of creation."""
        here = asyncio.current_task(self)
        return [task for task in self._tasks.values() if task is not here and not task.done()]

    async def call(self, activity: ActivityDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Calls an activity and waits for its outcome."""
        step = self.schedule(activity, activity.signature.encode_input(args, kwargs))
        try:
            return await step.future
        except asyncio.CancelledError:
            if step.outcome is None:
                self.commands.add(events.ActivityCancelRequested(step.number))
            raise

    def schedule(
        self,
        activity: ActivityDefinition,
        payload: bytes,
        *,
        compensates: Step | None = None,
        retry: RetryPolicy | None = None,
    ) -> Step:
        """Asks for an activity; the intent is recorded before it can have any effect."""
        if activity.name not in self._setup.registry.activities:
            known = ", ".join(sorted(self._setup.registry.activities)) or "none"
            raise LookupError(
                f"Expected activity {activity.name!r} to be registered with the worker but it has: {known}. "
                f"Add it to Worker(activities=[...])."
            )
        step = Step(self.table.next_number(), activity, payload, self.create_future())
        self.commands.add(
            events.ActivityScheduled(
                step.number,
                activity.name,
                payload,
                activity.options.timeout_ms,
                retry or activity.options.retry,
                activity.compensation.name if activity.compensation else None,
                compensates.number if compensates else None,
                compensates.outcome if compensates else None,
            ),
            len(payload),
        )
        self.table.add_activity(step)
        return step

    # What asyncio asks for

    def start_timer(self, due_ms: int, handle: asyncio.TimerHandle) -> None:
        number = self.table.next_number()
        self.commands.add(events.TimerStarted(number, due_ms))
        self.table.add_timer(number, handle)

    def stop_timer(self, handle: asyncio.TimerHandle) -> None:
        number = self.table.stop_timer(handle)
        if number is not None:
            self.commands.add(events.TimerCancelled(number))

    # What jobs do to it

    def read_input(self, payload: bytes) -> Body:
        """The workflow's function with its input. Raises InvalidInput."""
        args, kwargs = self.run.workflow.signature.decode_input(payload)
        return partial(self.run.workflow.fn, *args, **kwargs)

    def take_input(self, payload: bytes) -> None:
        """Reads the run's input, before it starts. Raises InvalidInput."""
        self._body = self.read_input(payload)

    def release_body(self) -> Body | None:
        """The function with its input, once; None when the input has not been read."""
        body, self._body = self._body, None
        return body

    def begin(self, at_ms: int) -> None:
        super().begin(at_ms)
        self.commands.begin()

    def make_ready(self, handle: asyncio.Handle) -> None:
        """The handle runs in this activation."""
        self._ready.append(handle)

    def clear(self) -> None:
        super().clear()
        self.table.clear()
        self.main = None
