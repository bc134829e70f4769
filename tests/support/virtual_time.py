"""Tests on a virtual clock: waiting takes no time, and nothing depends on how fast the machine is."""

from __future__ import annotations

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
            loop.close()

    return run
