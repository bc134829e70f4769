"""A run's history as lines that a person reads, and assertions on them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from datetime import timedelta
from textwrap import dedent
from typing import Any

from sagaline.client import HistoryEvent

_SHOWN = 200
_ENDS = {"run completed": "completed", "run cancelled": "cancelled", "run terminated": "terminated"}


class History:
    """What a run has done, a line a step in the order in which the code asked for them::

        reserve_stock: completed
        charge_card: failed, CardDeclined: the bank says no
        undo reserve_stock by release_stock: completed
        compensated: CardDeclined: the bank says no

    ``events`` are those of ``handle.history()``.
    """

    def __init__(self, events: Sequence[HistoryEvent]) -> None:
        self.events = tuple(events)
        self.lines = _lines(self.events)

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def __repr__(self) -> str:
        return f"History({len(self.events)} events)\n{self}"

    def expect(self, lines: str) -> None:
        """Raises AssertionError, with the difference, unless the history has these lines. Indentation and empty lines
        do not count."""
        expected = [line.strip() for line in dedent(lines).splitlines() if line.strip()]
        if expected != self.lines:
            difference = "\n".join(
                difflib.unified_diff(expected, self.lines, "expected", "happened", lineterm="", n=99)
            )
            raise AssertionError(f"Expected another history of the run:\n{difference}")

    def expect_order(self, *names: str) -> None:
        """Raises AssertionError unless activities of these names were called in this order, whatever was between."""
        called = self.activities
        rest = iter(called)
        for name in names:
            if not any(name == other for other in rest):
                raise AssertionError(
                    f"Expected calls of {', '.join(names)} in this order but {name!r} is not: {called}."
                )

    @property
    def activities(self) -> list[str]:
        """Names of the activities that were called, compensations too, in order."""
        return [event.details["activity"] for event in self.events if event.type == "activity scheduled"]


def _lines(events: Sequence[HistoryEvent]) -> list[str]:
    lines: dict[object, str] = {}
    names: dict[int, str] = {}
    for event in events:
        details = event.details
        step = details.get("step")
        kind = event.type
        if kind == "activity scheduled":
            names[step or 0] = details["activity"]
            undone = details.get("compensates")
            name = details["activity"]
            lines[step] = name if undone is None else f"undo {names.get(undone, f'step {undone}')} by {name}"
            lines[step] += ": open"
        elif kind in ("activity completed", "activity failed") and step in lines:
            attempt = details.get("attempt", 1)
            again = "" if attempt == 1 else f" after {attempt} attempts"
            outcome = f"completed{again}" if kind == "activity completed" else f"failed{again}, {_failure(details)}"
            lines[step] = f"{lines[step].removesuffix(': open')}: {outcome}"
        elif kind == "timer started":
            lines[step] = f"timer of {_duration(details['due_at'] - event.at)}: open"
        elif kind in ("timer fired", "timer cancelled") and step in lines:
            lines[step] = f"{lines[step].removesuffix(': open')}: {kind.split()[1]}"
        elif kind not in ("run started", "activity attempt failed", "activity cancel requested"):
            lines[event.id, kind] = _other(kind, details)
    return list(lines.values())


def _other(kind: str, details: dict[str, Any]) -> str:
    """An event that is no step: a message, a parking, the run's end."""
    if kind == "run failed":
        return f"{'compensated' if details.get('rolled_back') else 'failed'}: {_failure(details)}"
    if kind == "run completed":
        return f"completed: {_value(details.get('result'))}"
    if kind == "run parked":
        return f"parked: {_failure(details)}"
    text = _ENDS.get(kind, kind)
    about = [_value(details[name]) for name in ("name", "signal", "update", "reason") if details.get(name)]
    return f"{text}: {', '.join(about)}" if about else text


def _failure(details: dict[str, Any]) -> str:
    failure: dict[str, Any] = details.get("failure") or {}
    return _cut(f"{failure.get('type', 'Unknown')}: {failure.get('message', '')}")


def _value(value: object) -> str:
    return _cut(value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False))


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "..."


def _duration(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:g}{unit}"
    return f"{seconds:g}s"
