"""What workflow code waits for in words of its own state: predicates, looked at whenever the code is quiet."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from sagaline._runtime.frames import caller
from sagaline.errors import ConfigurationError

Predicate = Callable[[], object]


class Conditions:
    """The predicates that are waited for, in the order in which they were."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], Predicate] = {}

    def wake(self) -> bool:
        """Wakes those whose predicate holds, or raises; True when there are any."""
        woken = False
        for future, predicate in list(self._waiting.items()):
            if future.done():
                continue
            try:
                if not predicate():
                    continue
                future.set_result(None)
            except Exception as error:
                future.set_exception(error)
            woken = True
        return woken

    async def wait(self, predicate: Predicate, create_future: Callable[[], asyncio.Future[None]]) -> None:
        """Returns when the predicate holds. Raises what it raises."""
        while not _holds(predicate):
            future = create_future()
            self._waiting[future] = predicate
            try:
                await future
            finally:
                del self._waiting[future]


def _holds(predicate: Predicate) -> bool:
    held: Any = predicate()
    if inspect.iscoroutine(held):
        held.close()
        raise ConfigurationError(
            f"Expected the predicate of wait_condition to be a plain function but it is async ({caller()}). It is "
            f"asked whenever the workflow's state may have changed, and may not wait."
        )
    return bool(held)
