"""What a reset would do: what has happened since an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sagaline._engine.processors.reset import nearest
from sagaline._model.failure import Failure
from sagaline.client.types import HistoryEvent
from sagaline.errors import RequestRefused

_ASKED: dict[str, Literal["activity", "child"]] = {"activity scheduled": "activity", "child requested": "child"}
_SETTLED = frozenset({"activity completed", "activity failed", "child ended"})


@dataclass(frozen=True)
class LaterStep:
    """An activity or a child. ``outcome``: "completed", "failed", how a child has ended, or "unknown" while it is not
    on record. ``compensation`` undoes it, if it has one."""

    step: int
    kind: Literal["activity", "child"]
    name: str
    outcome: str
    compensation: str | None = None


@dataclass(frozen=True)
class ResetPreview:
    """What a reset does. ``repeated``: activities that were under way at the event, and are attempted again under their
    keys. ``left``: activities and children that the run asked for later. The new run knows nothing of them: their
    effects stay, nothing compensates them, and what its code asks for is done under keys of its own. ``signals`` came
    later and come again, ``updates`` do not."""

    to_event: int
    repeated: tuple[LaterStep, ...]
    left: tuple[LaterStep, ...]
    signals: tuple[str, ...]
    updates: tuple[str, ...]


def preview(events: Sequence[HistoryEvent], to_event: int) -> ResetPreview:
    """The preview of a history. Raises RequestRefused ("NoSuchPoint")."""
    points = [event.id for event in events if event.is_reset_point]
    if to_event not in points:
        message = f"Expected an event that the run may be reset to but {to_event} is none. {nearest(points, to_event)}"
        raise RequestRefused(Failure("NoSuchPoint", message, retryable=False))
    asked = {event.details["step"]: event for event in events if event.type in _ASKED}
    settled = {event.details["step"]: event for event in events if event.type in _SETTLED}
    open_then = [
        step
        for step, event in asked.items()
        if event.id <= to_event and (step not in settled or settled[step].id > to_event)
    ]
    later = [event for event in events if event.id > to_event]
    return ResetPreview(
        to_event,
        tuple(_step(asked[step], settled.get(step)) for step in open_then if asked[step].type == "activity scheduled"),
        tuple(_step(event, settled.get(step)) for step, event in asked.items() if event.id > to_event),
        tuple(event.details["signal"] for event in later if event.type == "signal received"),
        tuple(event.details["update"] for event in later if event.type == "update accepted"),
    )


def _step(asked: HistoryEvent, settled: HistoryEvent | None) -> LaterStep:
    details, kind = asked.details, _ASKED[asked.type]
    outcome = "unknown"
    if settled is not None:
        outcome = settled.details.get("status", "completed" if settled.type == "activity completed" else "failed")
    name = details["activity"] if kind == "activity" else details["child_id"]
    return LaterStep(details["step"], kind, name, outcome, details.get("compensation"))
