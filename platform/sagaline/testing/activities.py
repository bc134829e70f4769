"""One activity alone, as a worker would call it: its arguments and result as they travel, what it asks and says."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar, cast

from sagaline._model.ids import idempotency_key
from sagaline._model.tokens import AttemptToken
from sagaline._runtime.activities import ActivityInfo, ForwardStep
from sagaline._runtime.context import current_activity
from sagaline._runtime.heartbeats import encode_details, plain_details
from sagaline.activity import Activity

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class ActivityEnvironment:
    """What ``activity.info()`` says to an activity that is tested alone. Without a key it is that of the step."""

    workflow_id: str = "run-1"
    run_id: str = "00000000000000000000000000000001"
    step: int = 1
    attempt: int = 1
    idempotency_key: str = ""
    compensates: ForwardStep | None = None
    heartbeat_details: tuple[Any, ...] = ()
    """What the attempt before said last."""
    heartbeats: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    """What the activity has said: the details of each of its heartbeats, as values of JSON."""

    async def run(self, activity: Activity[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls the activity once. An ordinary function runs in a thread, as in a worker.

        Raises what it raises; InvalidInput and InvalidOutput when an argument or the result does not survive the way
        through the log.
        """
        definition = activity.definition
        signature = definition.signature
        given, named = signature.decode_input(signature.encode_input(args, kwargs))
        deadline = datetime.now(UTC).timestamp() + definition.options.timeout_ms / 1_000
        key = self.idempotency_key or idempotency_key(self.run_id, self.step)
        ids = (self.workflow_id, self.run_id, activity.name, self.step, self.attempt, key)
        details = encode_details(self.heartbeat_details) if self.heartbeat_details else None
        token = AttemptToken(self.workflow_id, self.run_id, self.step, self.attempt).id
        info = ActivityInfo(*ids, deadline, self.compensates, plain_details(details), token)
        context = contextvars.copy_context()
        context.run(current_activity.set, _Alone(info, details, self.heartbeats))
        if definition.is_async:
            coroutine = cast("Awaitable[R]", definition.fn(*given, **named))
            result: Any = await asyncio.get_running_loop().create_task(_awaited(coroutine), context=context)
        else:
            result = await asyncio.to_thread(context.run, definition.fn, *given, **named)
        return cast("R", signature.decode_output(signature.check_output(result)))


class _Alone:
    """The attempt of an activity that is tested alone."""

    is_cancelled = False

    def __init__(self, info: ActivityInfo, details: bytes | None, said: list[tuple[Any, ...]]) -> None:
        self._info, self.details, self._said = info, details, said

    def info(self) -> ActivityInfo:
        return self._info

    def heartbeat(self, details: bytes | None) -> None:
        self._said.append(plain_details(details))

    def shielded(self) -> AbstractContextManager[None]:
        return nullcontext()


async def _awaited(awaitable: Awaitable[R]) -> R:
    return await awaitable if inspect.isawaitable(awaitable) else cast("R", awaitable)
