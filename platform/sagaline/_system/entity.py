"""What the durable entities that grant something have in common: how long one of their runs lives, and how those who
have asked are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from sagaline._model.tokens import parse
from sagaline.errors import MessageError
from sagaline.workflow import workflow

MESSAGES = 500
"""Of one run; then it goes on as the next, for its history is replayed by whoever takes it over."""
SHORTLY_S = 5
IDLE_S = 86_400
_AT_ONCE = 100
"""Answers on their way."""
_AGAIN_S = 10
_GONE, _USED = ("WorkflowNotFound", "RunEnded"), "TokenUsed"


class Entity:
    """Base of their classes. ``state`` is what the next run is given; ``messages`` counts those of this one."""

    def __init__(self, state: Any, repeated: set[str]) -> None:
        """``repeated``: requests that the run before may have answered."""
        self._state, self._repeated = state, repeated
        self.messages = 0
        self._sends: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def live(self, is_idle: Callable[[], bool]) -> None:
        """Returns when the entity has not been used for a day, and nothing of it is left."""
        while not (
            await self._is_quiet(SHORTLY_S, MESSAGES)
            and await self._is_quiet(IDLE_S, 1)
            and not self._sends
            and is_idle()
        ):
            if self.messages >= MESSAGES:
                await workflow.wait_condition(lambda: not self._sends or self.messages >= 2 * MESSAGES)
                workflow.continue_as_new(self._state)

    async def _is_quiet(self, seconds: float, most: int) -> bool:
        """Waits until the run has been told nothing for so long, or ``most`` times something. A run whose next timer is
        far is taken out of memory: an entity that is in use has one that is near, any other a single one that is far.
        """
        before = self.messages
        try:
            await workflow.wait_condition(lambda: self.messages - before >= most, timeout=seconds)
        except TimeoutError:
            return self.messages == before
        return False

    def send(self, message: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """It leaves, beside others."""
        task = asyncio.create_task(self._gated(message))
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)

    async def _gated(self, message: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async with self._gate:
            await message()

    async def answer(self, request: str, value: Any) -> bool:
        """Whether the run that has made a request has the answer. One that is not there any more has not; nor has one
        that was answered before, for its request has come a second time, when the first was forgotten."""
        token = parse(request)
        if token is None:
            return False
        while True:
            try:
                await workflow.external(token.workflow_id, token.run_id).signal(token.signal, {"value": value})
            except MessageError as error:
                if error.type in _GONE or (error.type == _USED and request not in self._repeated):
                    return False
                if error.type != _USED:  # else the grant of the run before this one has arrived
                    await asyncio.sleep(_AGAIN_S)
                    continue
            return True


def now_ms() -> int:
    """The activation's time, in milliseconds since 1970."""
    return round(workflow.now().timestamp() * 1_000)
