"""Inputs of a workflow id "w", and decisions in a word."""

from __future__ import annotations

from sagaline._engine.decide import Joined, Rejected, Replaced
from sagaline._model import events
from sagaline._model.events import Event
from sagaline._model.failure import Failure
from sagaline._model.records import StartRun

RUN = "0" * 32
FIRST = StartRun("first", "w", "pay", b"[1]")
LATER = StartRun("later", "w", "pay", b"[1]")
BOOM = Failure("Boom", "why")
ENDS: dict[str, Event] = {
    "completed": events.RunCompleted(b"1"),
    "failed": events.RunFailed(BOOM, False),
    "compensated": events.RunFailed(BOOM, True),
    "cancelled": events.RunCancelled("why", True),
    "terminated": events.RunTerminated("somebody", "why"),
}


def start(conflict: str = "join", reuse: str = "join", workflow: str = "pay") -> StartRun:
    return StartRun("later", "w", workflow, b"[1]", id_conflict=conflict, id_reuse=reuse)


def short(decision: object) -> str:
    """A decision in a word."""
    if isinstance(decision, Rejected):
        return decision.failure.type
    if isinstance(decision, Joined):
        return "joined if same" if decision.unless_same else "joined"
    if isinstance(decision, Replaced):
        return "replaced"
    assert isinstance(decision, list)
    return " ".join(type(event).__name__ for event in decision)
