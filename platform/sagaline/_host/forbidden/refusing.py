"""How a forbidden call ends: as an error with its place, which parks the run whatever its code makes of it."""

from __future__ import annotations

import asyncio
import sys
from types import FrameType

from sagaline._host.forbidden import users
from sagaline._host.forbidden.table import Forbidden
from sagaline._runtime import collector
from sagaline._runtime.frames import caller
from sagaline._runtime.loop import DeterministicLoop, ForbiddenInWorkflow

_running_loop = asyncio._get_running_loop  # noqa: SLF001

_MAY_DO_ANYTHING = frozenset(
    {"logging", "importlib", "linecache", "traceback", "warnings", "zoneinfo", "encodings", "pdb", "bdb"}
)
"""Modules that read files, clocks or the environment for reasons that have nothing to do with the run's state."""


def guarded_loop() -> DeterministicLoop | None:
    """The loop whose workflow code is running in this thread; None of any other code."""
    loop = _running_loop()
    return loop if isinstance(loop, DeterministicLoop) and loop.is_guarded else None


def refuse(loop: DeterministicLoop, call: Forbidden) -> None:
    """Raises ForbiddenInWorkflow, unless the call is part of an import, of logging or of a garbage collection."""
    frame = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    if collector.is_running() or _is_excused(frame, call):
        return
    error = ForbiddenInWorkflow(f"Expected deterministic code but {_place(frame)} calls {call.name}. {call.advice}.")
    loop.broken = loop.broken or error
    raise error


def _is_excused(frame: FrameType | None, call: Forbidden) -> bool:
    asks = call.libraries_may
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        root = name.partition(".")[0]
        if root in _MAY_DO_ANYTHING:
            return True
        if name == "sagaline._runtime.loop" and frame.f_code.co_name == "drain":
            return False
        if asks and root != "sagaline" and root not in sys.stdlib_module_names:
            if not users.is_users(frame.f_globals):
                return True
            asks = False
        frame = frame.f_back
    return False


def _place(frame: FrameType | None) -> str:
    """The line of the user's code that has led here."""
    while frame is not None and not users.is_users(frame.f_globals):
        if frame.f_code.co_name == "drain" and frame.f_globals.get("__name__") == "sagaline._runtime.loop":
            return caller()
        frame = frame.f_back
    return caller() if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
