"""What must hold of runs that are undone, by the raw log alone: all that they have left is undone, and nothing twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from sagaline._model import events as e
from simulation import ledger_checkers
from simulation.book_checkers import Run, undoes
from simulation.load import UNDONE, Books
from simulation.saga_checkers import Reading

Place = tuple[str, int]
"""A run and a step of it."""


class UndoChecks:
    """``runs``: all that there were."""

    def __init__(self, books: Books, runs: Sequence[tuple[str, Run]], marks: Counter[str]) -> None:
        self._books, self._runs, self._marks = books, dict(runs), marks
        self._continued = {run.terminal.run_id: one for one, run in runs if isinstance(run.terminal, e.RunContinued)}
        self._done: dict[Place, set[Place]] = defaultdict(set)  # by step: the calls that have undone it
        self._by_hand: set[Place] = set()
        for run_id, run in runs:
            self._read(run_id, run)

    def _read(self, run_id: str, run: Run) -> None:
        copied = 0 if run.fork is None else run.fork.event_id
        calls = {event.step: event for event in run.events if isinstance(event, e.ActivityScheduled)}
        for event in run.events[copied:]:
            call = calls.get(getattr(event, "step", 0))
            if call is None or call.compensates is None:
                continue
            if isinstance(event, e.ActivityCompleted):
                own = (run.owner(run_id, call.step), call.step)  # a reset attempts it again under its key
                self._done[undoes(run_id, run, call)].add(own)
            elif isinstance(event, e.ActivityRepaired):
                self._by_hand.add(undoes(run_id, run, call))

    def check(self) -> Iterator[str]:
        """At the end."""
        for place, calls in self._done.items():
            if len(calls) > 1:
                yield f"step {place} is undone {len(calls)} times, by {sorted(calls)}"
        for run_id, run in self._runs.items():
            requested = next((event for event in run.events if isinstance(event, e.UndoRequested)), None)
            if requested is None:
                continue
            self._marks["undone by another run" if requested.run_id else "undone without its code"] += 1
            if isinstance(run.terminal, e.RunCompleted | e.RunCancelled | e.RunContinued):
                yield f"{run.workflow_id} ({run_id}) is undone but ends with {run.terminal}"
            if isinstance(run.terminal, e.RunFailed):
                undone = requested.run_id
                while undone in self._runs and (before := _undoes(self._runs[undone])):
                    self._marks["undone where another had left off"] += 1
                    undone = before
                yield from self._check_undone(undone or run_id)

    def _check_undone(self, run_id: str) -> Iterator[str]:
        """Nothing of the run, or of those that it goes on from, stands."""
        while run_id in self._runs:
            run = self._runs[run_id]
            for step in armed(run_id, run, self._books):
                place = (run.owner(run_id, step), step)
                if place not in self._done:
                    yield f"{run.workflow_id} ({run_id}) is undone but its step {step} is not"
                elif place not in self._by_hand and self._books.entries.get(f"{place[0]}/{step}") != UNDONE:
                    yield f"step {step} of {run_id} is undone but the books say otherwise"
            run_id = self._continued.get(run_id, "") if run.fork is None else ""


def _undoes(run: Run) -> str:
    return next((event.run_id for event in run.events if isinstance(event, e.UndoRequested)), "")


def armed(run_id: str, run: Run, books: Books) -> Iterator[int]:
    """The steps that a rollback of all that was open at the run's end would undo."""
    reading = Reading(run_id, run, books.entries, Counter())
    reading.read()
    for step, call in reading.calls.items():
        if call.is_clean or call.scheduled.compensation is None:
            continue
        for scope in reading.scopes_of(call):
            ended = reading.scopes[scope].ended
            if ended == "open":
                yield step
            if ended != "committed":
                break


def check_sagas(books: Books, runs: Sequence[tuple[str, Run]], marks: Counter[str]) -> Iterator[str]:
    """All that must hold of what runs undo: of each that has ended, and of all together."""
    yield from ledger_checkers.check_sagas(runs, books.entries, marks)
    yield from UndoChecks(books, runs, marks).check()
