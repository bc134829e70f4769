"""Tests on a virtual clock: waiting takes no time, and nothing depends on how fast the machine is."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

from simulation.loop import VirtualLoop

P = ParamSpec("P")


def virtual(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs a test on a loop of its own whose clock jumps; what nobody handled there fails it."""

    @functools.wraps(test)
    def run(*args: P.args, **options: P.kwargs) -> None:
        loop = VirtualLoop()
        try:
            loop.run_until_complete(test(*args, **options))
            assert not loop.errors, loop.errors
        finally:
            _end_tasks(loop)
            loop.close()

    return run


def _end_tasks(loop: VirtualLoop) -> None:
    """Ends what is left, as ``asyncio.run`` does: a coroutine that the collector ends, at any moment and without a
    loop, leaves CPython 3.11's recursion count wrong."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=60))
