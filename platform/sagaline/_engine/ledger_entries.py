"""What a ledger is made of: steps, children, and the parts of a run that undo them."""

from __future__ import annotations

from dataclasses import dataclass, field

from sagaline._model.activities import ActivityRepaired, ActivityScheduled
from sagaline._model.events import ChildRequested
from sagaline._model.failure import Failure

OPEN, COMPLETED, FAILED, UNKNOWN, PARKED = "open", "completed", "failed", "unknown", "parked"
"""Outcomes of a step, and of what undoes it. ``failed``: provably without effect. ``parked``: it waits for a person."""
ROOT = 0


@dataclass
class Entry:
    """A step of a saga.

    ``run_id`` is the run whose history has it, ``of_run`` the one that its keys are made of: another one for a step
    that a reset has copied. ``event_id`` is that of its ActivityScheduled; ``ended_at`` the number of the last step
    that had been asked for when it ended. ``undo`` is the step that undoes it. ``repairs``: what people have said of
    it, with the times.
    """

    run_id: str
    number: int
    scheduled: ActivityScheduled
    event_id: int
    at: int
    outcome: str = OPEN
    ended_at: int = 0
    result: bytes | None = None
    failure: Failure | None = None
    undo: Entry | None = None
    parallel: bool = False
    limit: int = 0
    of_run: str = ""
    repairs: list[tuple[int, ActivityRepaired]] = field(default_factory=list[tuple[int, ActivityRepaired]])

    @property
    def kind(self) -> str:
        """The class of the step; "" for one that its compensation undoes."""
        return "" if self.scheduled.saga is None else self.scheduled.saga.kind

    @property
    def scope(self) -> int:
        """The scope that it was called in."""
        return ROOT if self.scheduled.saga is None else self.scheduled.saga.scope

    @property
    def undone(self) -> str:
        """How far it is undone."""
        return "" if self.undo is None else self.undo.outcome

    @property
    def may_be_undone(self) -> bool:
        """True when a rollback of its scope undoes it, as far as is known."""
        compensated = not self.kind and self.scheduled.compensation is not None
        return compensated and self.outcome != FAILED and self.undone != COMPLETED


@dataclass
class ScopeEntry:
    """A part of the run that undoes its own steps. ``parent``: -1 for none. ``outcome``: "open", "committed",
    "compensated"; that of the run's own scope is always open. ``pivot``: what has made it impossible to undo."""

    number: int
    parent: int = -1
    parallel: bool = False
    limit: int = 0
    outcome: str = OPEN
    pivot: str = ""
    pivot_open: str = ""


@dataclass
class ChildEntry:
    """A child that a saga of the run undoes.

    ``outcome``: OPEN, then the status with which it ended. ``ledger``: what it has left, ``steps`` of them, as it
    stands in the run's history. ``pivot``: behind that it could not be undone any more. ``undos``: what undoes its
    steps, by run and step. ``child_run`` is its own run; the rest is as of a step.
    """

    run_id: str
    number: int
    requested: ChildRequested
    event_id: int
    at: int
    outcome: str = OPEN
    ended_at: int = 0
    child_run: str = ""
    ledger: bytes = b""
    steps: int = 0
    pivot: str = ""
    undos: dict[tuple[str, int], Entry] = field(default_factory=dict[tuple[str, int], Entry])
    parallel: bool = False
    limit: int = 0

    @property
    def scope(self) -> int:
        """The scope that it was called in."""
        return self.requested.scope

    @property
    def may_be_undone(self) -> bool:
        """True when a rollback of its scope undoes something of it, as far as is known."""
        done = sum(1 for undo in self.undos.values() if undo.outcome == COMPLETED)
        return self.outcome == OPEN or done < self.steps
