"""Performs attempts: from a row to a result or a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from sagaline._host.activities.attempts import Attempt, Listener
from sagaline._host.activities.outcomes import LATER, Outcome, cancelled, described, own_cancellation, too_large
from sagaline._host.activities.processes import Processes
from sagaline._host.activities.threads import ThreadGuard, UserThreads
from sagaline._host.activities.user_code import UserCode, UserTasks
from sagaline._host.options import HostOptions
from sagaline._host.pools import Pools
from sagaline._model.limits import PAYLOAD_BYTES
from sagaline._payloads import step_input, step_result
from sagaline._runtime.activities import CompleteLater
from sagaline._runtime.context import current_activity
from sagaline._runtime.definitions import PROCESS


class Performer:
    """``ended`` is called with each attempt's outcome, in its own task, as the last thing that it does: every way out
    of an attempt is something to report. ``listener`` hears their heartbeats."""

    def __init__(
        self, options: HostOptions, pools: Pools, listener: Listener, ended: Callable[[Attempt, Outcome], None]
    ) -> None:
        self._pools, self._listener, self._ended = pools, listener, ended
        self._payloads, self._clock = options.payloads, options.clock
        self._threads = UserThreads(options.activity_threads)
        self._processes = Processes(options.activity_processes)
        self._tasks = UserTasks(asyncio.get_running_loop(), options.running)

    def begin(self, attempt: Attempt) -> None:
        """Sets the attempt's task, which begins in the next turn of the loop.

        Contract: of a task that is cancelled before it has begun (``begun_ms`` is -1) ``ended`` never hears: nothing
        of it has run.
        """
        coro: Coroutine[Any, Any, None] = self._perform(attempt)
        row = attempt.row
        activity = row.scheduled.activity
        attempt.listener = self._listener
        if attempt.definition.is_async:
            coro = attempt.code = UserCode(coro, self._tasks, (row.workflow_id, attempt.run_id, activity))
        attempt.task = self._tasks.task(coro, activity)

    async def _perform(self, attempt: Attempt) -> None:
        definition, payloads = attempt.definition, self._payloads
        outcome: Outcome
        attempt.begun_ms = self._clock()
        try:
            payload = attempt.row.scheduled.input
            if not payloads.is_open(payload):
                payload = await self._opened(attempt, payload)
            current_activity.set(attempt)
            if definition.is_async:
                args, kwargs = definition.signature.decode_input(payload)
                outcome = definition.signature.check_output(await definition.fn(*args, **kwargs))
            elif definition.executor == PROCESS:
                outcome = await self._processes.call(attempt, payload)
            else:
                outcome = await self._threads.call(partial(_call_in_thread, attempt, payload), attempt)
            if isinstance(outcome, bytes):
                if payloads.touches(outcome) and not attempt.reported:
                    outcome = await self._sealed(attempt, outcome)
                if len(outcome) > PAYLOAD_BYTES:
                    raise too_large(definition, outcome)
        except asyncio.CancelledError as error:
            outcome = cancelled("it was cancelled") if attempt.stopped_by else own_cancellation(error, attempt)
        except CompleteLater:
            outcome = LATER
        except BaseException as error:
            outcome = described(error, attempt)
        self._ended(attempt, outcome)

    async def _opened(self, attempt: Attempt, payload: bytes) -> bytes:
        """The input, for code that begins now. Raises CancelledError when there is nobody left to tell what it does."""
        place = step_input(attempt.run_id, attempt.row.scheduled.step)
        payload = await self._pools.blobs(self._payloads.open, place, payload)
        if attempt.reported or attempt.stopped_by:
            raise asyncio.CancelledError
        attempt.begun_ms = self._clock()
        return payload

    async def _sealed(self, attempt: Attempt, result: bytes) -> bytes:
        place = step_result(attempt.run_id, attempt.row.scheduled.step)
        return await self._pools.blobs(self._payloads.seal, place, result)

    def close(self) -> None:
        """No task that an attempt has made runs again. Threads that hang are left behind, processes are ended."""
        self._tasks.close()
        self._threads.close()
        self._processes.close()


def _call_in_thread(attempt: Attempt, payload: bytes) -> Outcome:
    """In a user's thread: whatever is raised stays here."""
    guard = attempt.guard = ThreadGuard()
    outcome: Outcome = cancelled("it was cancelled")
    try:
        if not attempt.is_cancelled:
            outcome = _call(attempt, payload)
    except asyncio.CancelledError:  # it came between the code's end and here
        pass
    guard.leave()
    attempt.guard = None
    return outcome


def _call(attempt: Attempt, payload: bytes) -> Outcome:
    try:
        definition = attempt.definition
        args, kwargs = definition.signature.decode_input(payload)
        return definition.signature.check_output(definition.fn(*args, **kwargs))
    except CompleteLater:
        return LATER
    except asyncio.CancelledError as error:
        return cancelled("it was cancelled") if attempt.is_cancelled else own_cancellation(error, attempt)
    except BaseException as error:
        return described(error, attempt)
