"""Callbacks that only repeat themselves: anyio cancels a scope's tasks in every turn of the loop, until they leave it.

Code that catches its cancellation there may wait for something that does not happen before the loop is quiet.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any

from sagaline._runtime.frames import place_of, place_of_coroutine

_LOOKED_AT = 1_000
_PLACES = 3


def take_repeated(ready: deque[asyncio.Handle]) -> list[asyncio.Handle]:
    """Takes them out of what is ready; none when much else goes on."""
    if len(ready) > _LOOKED_AT:
        return []
    repeated = [handle for handle in ready if _cancels_again(handle)]
    for handle in repeated:
        ready.remove(handle)
    return repeated


def busy_place(ready: Iterable[asyncio.Handle], tasks: Iterable[asyncio.Task[Any]]) -> str:
    """Where the code is that keeps the loop busy."""
    for handle in ready:
        if not _cancels_again(handle):
            return place_of(handle)
    places = [place for task in tasks if (place := place_of_coroutine(task.get_coro()))]
    return f"{' or '.join(places[:_PLACES])}, which catches its cancellation again and again,"


def _cancels_again(handle: asyncio.Handle) -> bool:
    callback = getattr(handle, "_callback", None)
    return getattr(callback, "__qualname__", None) == "CancelScope._deliver_cancellation"
