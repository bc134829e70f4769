"""Async generators of workflow code that are dropped half way: who closes them.

Python has one pair of hooks for that a thread, and an event loop sets them while it runs. A run sets its own for the
length of a turn; each time Python tells its audit hooks twice, which costs as much as a tenth of the turn. So whoever
gives many runs a turn in a row sets a pair once that works for all of them.
"""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import AsyncGenerator
from typing import Any

from sagaline._runtime.run_loop import RunLoop

_running_loop = asyncio._get_running_loop


class Row:
    """``loop`` is the one that gives runs turns in a row, or None. Others may do so beside it, in their threads: they
    set hooks turn by turn."""

    loop: asyncio.AbstractEventLoop | None = None


row = Row()
_own: weakref.WeakKeyDictionary[RunLoop, set[int]] = weakref.WeakKeyDictionary()
"""Ids of the generators that a run's code has begun in such a turn. (Of one that is dropped a reference is gone.)"""


class InARow:
    """``with InARow():`` around the turns of several runs. One in another does nothing."""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before: Any = None
        running = _running_loop()
        if running is not None and row.loop is not running:
            self._before = sys.get_asyncgen_hooks()
            sys.set_asyncgen_hooks(_begun, _dropped)
            row.loop = running

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            sys.set_asyncgen_hooks(*self._before)
            row.loop = None


def _begun(generator: AsyncGenerator[Any, Any]) -> None:
    loop = _running_loop()
    if isinstance(loop, RunLoop):
        _own.setdefault(loop, set()).add(id(generator))


def _dropped(generator: AsyncGenerator[Any, Any]) -> None:
    """One that another run has begun is left alone: when it is dropped is no function of this one."""
    loop = _running_loop()
    if isinstance(loop, RunLoop) and id(generator) in (own := _own.get(loop, set())):
        own.discard(id(generator))
        loop.finish_generator(generator)
