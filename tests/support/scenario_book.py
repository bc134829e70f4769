"""What the activities of a scenario have done, counted by idempotency key; and gates that a scenario opens for them.

In memory, where worker and scenario share a process; in a folder where workers are processes of their own: a scenario
has it in its context, a worker calls ``live_in``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from sagaline import activity, workflow

folder: ContextVar[Path | None] = ContextVar("folder", default=None)
_of_process: Path | None = None
_POLL_S = 0.05
_written: list[list[Any]] = []
_open: set[str] = set()


def live_in(place: Path) -> None:
    """All that this process does is written in this folder."""
    global _of_process
    _of_process = place


def _place() -> Path | None:
    return _of_process or folder.get()  # the code of a run has a context of its own


def clear() -> None:
    """A new scenario begins, in memory."""
    _written.clear()
    _open.clear()


def effect(what: Any = None) -> None:
    """An activity calls it where it has its effect: attempts repeat, under their key. ``what``: a value of JSON."""
    info = activity.info()
    _write(info.activity, info.idempotency_key, what)


def note(kind: str, what: Any) -> None:
    """The code of a workflow calls it to tell that it was here; it tells again in a replay."""
    with workflow.unchecked():
        _write(kind, str(what), what)


def _write(kind: str, key: str, what: Any) -> None:
    place = _place()
    if place is None:
        _written.append([kind, key, what])
        return
    with (place / "effects").open("ab", buffering=0) as file:  # one write a line: several processes append
        file.write(json.dumps([kind, key, what]).encode() + b"\n")


def done() -> dict[str, dict[str, Any]]:
    """By activity, what each idempotency key was for. Fails when one key was for several things."""
    place, written = _place(), _written
    if place is not None:
        file = place / "effects"
        written = [json.loads(line) for line in file.read_bytes().splitlines()] if file.exists() else []
    found: dict[str, dict[str, Any]] = {}
    for kind, key, what in written:
        before = found.setdefault(kind, {}).setdefault(key, what)
        assert before == what, f"{kind} was called for {before} and for {what} under one key"
    return found


def open_gate(name: str) -> None:
    """Activities that wait for it go on."""
    place = _place()
    if place is None:
        _open.add(name)
    else:
        (place / f"{name}.open").touch()


async def gate(name: str) -> None:
    """Waits until the scenario opens it."""
    place = _place()
    is_open: Callable[[], bool] = (lambda: name in _open) if place is None else (place / f"{name}.open").exists
    while not is_open():
        await asyncio.sleep(_POLL_S)
