"""What must hold of the participant's books, run by run and over runs that continue as new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sagaline._model import activities
from sagaline._model import events as e
from simulation.load import DONE, Books


@dataclass
class Run:
    """A run as its valid records tell it."""

    workflow_id: str
    next_event_id: int = 1
    epoch: int = -1
    last_at: int = 0
    terminal: Any = None
    scheduled: dict[int, e.ActivityScheduled] = field(default_factory=dict)
    outcomes: dict[int, Any] = field(default_factory=dict)
    timers: dict[int, int] = field(default_factory=dict)
    parent: tuple[str, int] = ("", 0)
    children: dict[int, Any] = field(default_factory=dict)  # by step: how each has ended, or None
    quarantined: bool = False
    paused: bool = False
    ended_at_s: float = 0.0
    fork: e.Fork | None = None
    asked: dict[int, str] = field(default_factory=dict)  # of a fork: by step, the run whose keys it has
    events: list[Any] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)  # of its records

    def owner(self, run_id: str, step: int) -> str:
        """The run that a step's keys are made of."""
        return self.asked.get(step, run_id)

    def is_unasked(self, event: Any, marks: Counter[str]) -> bool:
        """While a run is paused its code asks for nothing, for it does not run. One that is undone is paused no more."""
        if isinstance(event, e.UndoRequested):
            self.paused = False
        elif isinstance(event, e.RunPaused | e.RunUnpaused):
            self.paused = isinstance(event, e.RunPaused)
            marks["paused" if self.paused else "unpaused"] += 1
        return self.paused and type(event) in e.COMMANDS


class ChainBooks:
    """Every step that may have had an effect is undone once where its chain of runs is rolled back, in reverse order;
    nothing else is."""

    def __init__(
        self, books: Books, violations: list[str], marks: Counter[str], runs: Sequence[tuple[str, Run]]
    ) -> None:
        self._books, self._violations, self._marks = books, violations, marks
        self._runs = dict(runs)
        self._before = {run.terminal.run_id: run_id for run_id, run in runs if isinstance(run.terminal, e.RunContinued)}
        self._before |= {run_id: run.fork.run_id for run_id, run in runs if run.fork is not None}
        self._undone = {place for run_id, run in runs for place in _undone(run_id, run)}
        self._by_hand = {place for run_id, run in runs for place in _by_hand(run_id, run)}
        self._newest: dict[tuple[str, int], str] = {}
        """By owner and step: the newest run that has it, of those that resets have made of one another."""
        for run_id, run in sorted(runs, key=lambda one: 0 if one[1].fork is None else one[1].fork.at):
            self._newest |= {(run.owner(run_id, step), step): run_id for step in run.scheduled}

    def _place(self, run_id: str) -> int:
        """The place of a run in its chain."""
        place = 0
        while run_id in self._before:
            place, run_id = place + 1, self._before[run_id]
        return place

    def _chain(self, run_id: str) -> Iterator[str]:
        """A run and those before it."""
        yield run_id
        while run_id in self._before:
            run_id = self._before[run_id]
            yield run_id

    def check(self, run_id: str, run: Run) -> None:
        """A run that has ended."""
        self._check_order(run_id, run)
        last = run.terminal
        while isinstance(last, e.RunContinued) and last.run_id in self._runs:
            last = self._runs[last.run_id].terminal
        rolled_back = isinstance(last, e.RunFailed | e.RunCancelled) and last.rolled_back
        if isinstance(last, e.RunFailed) and last.failure.type == "Undone":
            rolled_back = False  # what holds then say ``UndoChecks``
        for step, scheduled in run.scheduled.items():
            if scheduled.compensates is not None:
                continue
            owner = run.owner(run_id, step)
            if self._newest[owner, step] != run_id:
                continue  # what holds of it says the run that a reset has made of this one
            entry = self._books.entries.get(f"{owner}/{step}")
            outcome = run.outcomes.get(step)
            is_undone = (owner, step) in self._undone
            is_told = (owner, step) in self._by_hand
            if isinstance(outcome, e.ActivityCompleted) and not is_undone and entry != DONE and not is_told:
                self._violations.append(f"{run.workflow_id} step {step} is completed but the books say {entry}")
            can_be_undone = scheduled.compensation is not None and (scheduled.saga is None or not scheduled.saga.kind)
            if rolled_back and can_be_undone and entry == DONE and not is_told:
                self._violations.append(f"{run.workflow_id} was rolled back but step {step} stands in the books")

    def _check_order(self, run_id: str, run: Run) -> None:
        undone = _undone(run_id, run)
        self._marks["undone for an earlier run"] += any(of_run != run_id for of_run, _ in undone)
        own = {run.owner(run_id, step) for step in run.scheduled} | {run_id}
        chain = own | {of_run for of_run in self._chain(run_id)}  # children's are looked at by ``LedgerChecks``
        places = [(self._place(of_run), 0 if of_run in own else step) for of_run, step in undone if of_run in chain]
        if places != sorted(places, reverse=True) or len(set(undone)) != len(undone):
            self._violations.append(f"{run.workflow_id} compensated in the order {undone}")


def undoes(run_id: str, run: Run, call: e.ActivityScheduled) -> tuple[str, int]:
    """The run and step that a call undoes; of one that undoes none, its own."""
    if call.compensates is None:
        return run.owner(run_id, call.step), call.step
    return call.compensates_run or run.owner(run_id, call.compensates), call.compensates


def _undone(run_id: str, run: Run) -> list[tuple[str, int]]:
    """The run and step of what a run has compensated, in order; what a fallback undoes once."""
    calls = [call for _, call in sorted(run.scheduled.items()) if call.compensates is not None]
    failed = {undoes(run_id, run, call) for call in calls if isinstance(run.outcomes.get(call.step), e.ActivityFailed)}
    places = [undoes(run_id, run, call) for call in calls]
    return list(dict.fromkeys(places)) if failed >= {place for place in places if places.count(place) > 1} else places


def _by_hand(run_id: str, run: Run) -> Iterator[tuple[str, int]]:
    """The run and step of what a person has done, undone or skipped: the participant has not heard of it."""
    for event in run.events:
        if isinstance(event, e.ActivityRepaired) and event.action in (activities.DONE, activities.SKIP):
            yield undoes(run_id, run, run.scheduled[event.step])
