"""The ports of log and store, one call of which raises what nobody expects: the one with number ``at``.

``FaultyPort`` goes by the port's own class: a method that is added to it is reached here too.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from sagaline._log import Appender, Log, Membership, Reader
from sagaline._store import Store, Stores

PORTS: tuple[type, ...] = (Log, Appender, Reader, Membership, Stores, Store)
_MADE_BY: dict[str, type] = {
    "Log.appender": Appender,
    "Log.reader": Reader,
    "Log.join": Membership,
    "Stores.open": Store,
}
"""Calls whose result is a port again."""


def calls_of(port: type) -> list[str]:
    """The methods of a port, as "Port.method". Properties are known once it is open, and ask nobody."""
    return [f"{port.__name__}.{name}" for name, value in vars(port).items() if name[0] != "_" and callable(value)]


class Faults:
    """The call ``at`` = (name, number) raises ``error``; without it none does. ``calls`` counts them."""

    def __init__(self, at: tuple[str, int] | None, error: BaseException) -> None:
        self.at, self.error = at, error
        self.calls: Counter[str] = Counter()
        self.raised = False

    def reach(self, call: str) -> None:
        self.calls[call] += 1
        if (call, self.calls[call]) == self.at:
            self.raised = True
            raise self.error


class FaultyPort:
    """In front of a port's implementation, ``below``. A call raises where it would: when a coroutine is awaited, when
    an iterator is asked for its first element."""

    def __init__(self, port: type, below: Any, faults: Faults) -> None:
        self.below, self._faults = below, faults
        for call in calls_of(port):
            name = call.partition(".")[2]
            setattr(self, name, self._faulty(call, getattr(below, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)

    def _faulty(self, call: str, method: Callable[..., Any]) -> Callable[..., Any]:
        faults = self._faults

        async def awaited(*args: Any, **options: Any) -> Any:
            faults.reach(call)
            return await method(*args, **options)

        async def batches(*args: Any) -> AsyncIterator[Any]:
            faults.reach(call)
            async for batch in method(*args):
                yield batch

        def rows(*args: Any) -> Iterator[Any]:
            faults.reach(call)
            yield from method(*args)

        def called(*args: Any, **options: Any) -> Any:
            faults.reach(call)
            result = method(*args, **options)
            return FaultyPort(_MADE_BY[call], result, faults) if call in _MADE_BY else result

        if inspect.iscoroutinefunction(method):
            return awaited
        if inspect.isasyncgenfunction(method):
            return batches
        return rows if call == "Store.scan" else called
