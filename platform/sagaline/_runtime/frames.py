"""Where workflow code is: file and line, for messages."""

from __future__ import annotations

import asyncio
import sys
from functools import cache
from types import CodeType, FrameType
from typing import Any, cast

_AWAITS = 100  # coroutines that await each other


def caller(skipped: int = 0) -> str:
    """The place in workflow code that has led here: of the innermost frame that is neither asyncio's nor Sagaline's.
    ``skipped``: frames that the one who asks knows to be Sagaline's, its own included.

    A task that is nothing but a call, as gather makes of activities, has no such frame: it is named.
    """
    frame = sys._getframe(1 + skipped)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if _is_users(module):
            return _place(frame.f_code, frame.f_lineno)
        if module == "sagaline._runtime.instance" or (module == "sagaline._runtime.loop" and _is_drain(frame)):
            break  # what is beyond has not asked for anything
        frame = cast("Any", frame.f_back)
    task = None if asyncio._get_running_loop() is None else asyncio.current_task()
    return "the workflow" if task is None else f"task {task.get_name()!r:.100}"


def place_of(handle: asyncio.Handle) -> str:
    """Where the task waits that the handle belongs to; the name of the callback when it is no task's."""
    callback: Any = getattr(handle, "_callback", None)
    task = getattr(callback, "__self__", None)
    if not isinstance(task, asyncio.Task):
        return f"the callback {getattr(callback, '__qualname__', callback)!s:.200}"
    coroutine = task.get_coro()  # pyright: ignore
    return f"{place_of_coroutine(coroutine) or 'the workflow'} (task {task.get_name()!r:.100})"  # pyright: ignore


def place_of_coroutine(coroutine: object) -> str:
    """Where it waits, in workflow code; empty when none of its frames is of that."""
    place = ""
    waits: Any = coroutine
    for _ in range(_AWAITS):
        frame: FrameType | None = getattr(waits, "cr_frame", None) or getattr(waits, "gi_frame", None)
        if frame is not None and _is_users(frame.f_globals.get("__name__", "")):
            place = _place(frame.f_code, frame.f_lineno)
        waits = getattr(waits, "cr_await", None) or getattr(waits, "gi_yieldfrom", None)
        if waits is None:
            break
    return place


@cache
def _is_users(module: str) -> bool:
    return not module.startswith(("sagaline.", "asyncio")) and module != "contextvars"


def _is_drain(frame: FrameType) -> bool:
    return frame.f_code.co_name == "drain"


def _place(code: CodeType, line: int) -> str:
    return f"{code.co_filename}:{line}"
