"""What must hold of steps that one run has done and another undoes: those of children, and of runs that went on.

What a run leaves is made out anew of the histories of it, of the runs before it and of its children.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from sagaline._model import events as e
from simulation.book_checkers import Run, undoes
from simulation.saga_checkers import check_scopes

Place = tuple[str, int]
"""A run and a step, as keys are made of them."""


class LedgerChecks:
    """``runs``: all of them, by id."""

    def __init__(self, runs: Sequence[tuple[str, Run]], marks: Counter[str]) -> None:
        self._runs, self._marks = dict(runs), marks
        self._before = {run.terminal.run_id: run_id for run_id, run in runs if isinstance(run.terminal, e.RunContinued)}
        self._children: dict[Place, list[str]] = {}
        for run_id, run in runs:
            self._children.setdefault(run.parent, []).append(run_id)
        self._left: dict[str, list[Place] | None] = {}

    def check(self, run_id: str, run: Run) -> Iterator[str]:
        """Of a run that has ended: what it has undone of others is what these have left, newest first, each once."""
        if run.fork is not None:
            return
        rolled_back = isinstance(run.terminal, e.RunFailed | e.RunCancelled) and run.terminal.rolled_back
        compensated = {
            event.step for event in run.events if isinstance(event, e.SagaEnded) and event.outcome != "committed"
        }
        around = _around(run)
        for step, ended in run.children.items():
            asked = next(event for event in run.events if isinstance(event, e.ChildRequested) and event.step == step)
            left = self._of_child((run.owner(run_id, step), step)) if ended is not None else []
            undone = _undone(run_id, run, partial(_is_of, step))
            is_due = asked.wants_ledger and (rolled_back or bool(compensated.intersection(around(asked.scope))))
            if left is None:
                continue
            if not _fits(run, undone, left[::-1], is_due):
                yield f"{run.workflow_id} ({run_id}) has undone {undone} of child {step}, which has left {left}"
            self._marks["undone for a child"] += bool(undone)
            self._marks["undone for a grandchild"] += len({of_run for of_run, _ in undone}) > 1
        inherited = self.left_by(self._before[run_id]) if run_id in self._before else []
        own = {run_id}
        undone = _undone(run_id, run, lambda call: not call.of_child and call.compensates_run not in ("", *own))
        if inherited is not None and not _fits(run, undone, inherited[::-1], rolled_back, is_else=False):
            yield f"{run.workflow_id} ({run_id}) has undone {undone} of the runs before, which have left {inherited}"

    def _of_child(self, asked_by: Place) -> list[Place] | None:
        """None when it cannot be told: it was reset, or has begun twice."""
        runs = [self._runs[run_id] for run_id in self._children.get(asked_by, [])]
        last = [run_id for run_id in self._children.get(asked_by, []) if not _goes_on(self._runs[run_id])]
        if not runs or len(last) > 1 or any(run.fork or isinstance(run.terminal, e.RunReset) for run in runs):
            return None
        return self.left_by(last[0]) if last else None

    def left_by(self, run_id: str) -> list[Place] | None:
        """What a run has done, or inherited, and has not undone when it ends."""
        if run_id not in self._left:
            self._left[run_id] = self._make(run_id, self._runs[run_id]) if run_id in self._runs else None
        return self._left[run_id]

    def _make(self, run_id: str, run: Run) -> list[Place] | None:
        if isinstance(run.terminal, e.RunTerminated | e.RunReplaced):
            return []
        crossed = _crossed(run)
        before = self.left_by(self._before[run_id]) if run_id in self._before else []
        if before is None or run.fork is not None:
            return None
        if 0 in crossed:
            return []
        rolled_back = isinstance(run.terminal, e.RunFailed | e.RunCancelled) and run.terminal.rolled_back
        left, around = [] if rolled_back else [*before], _around(run)
        undone = set(_undone(run_id, run, lambda call: True))
        for number, event in enumerate(run.events, 1):
            if isinstance(event, e.ActivityScheduled) and event.compensates is None and event.saga is not None:
                outcome = run.outcomes.get(event.step)
                if outcome is None and number > _before_the_last(run):
                    continue  # asked for as the run ended: no attempt of it begins
                is_clean = isinstance(outcome, e.ActivityFailed) and outcome.failure.clean
                can_be = event.compensation is not None and not event.saga.kind and not is_clean
                if can_be and not crossed.intersection(around(event.saga.scope)):
                    left.append((run_id, event.step))
            elif (
                isinstance(event, e.ChildRequested) and event.wants_ledger and run.children.get(event.step) is not None
            ):
                of_child = self._of_child((run_id, event.step))
                if of_child is None:
                    return None
                if not crossed.intersection(around(event.scope)):
                    left += of_child
        return [place for place in left if place not in undone]


def check_sagas(runs: Sequence[tuple[str, Run]], entries: Mapping[str, str], marks: Counter[str]) -> Iterator[str]:
    """What runs that have ended have undone, of themselves and of others."""
    ledgers = LedgerChecks(runs, marks)
    for run_id, run in runs:
        if run.terminal is not None:
            yield from check_scopes(run_id, run, entries, marks)
            if not any(isinstance(event, e.UndoRequested) for event in run.events):  # of those say ``UndoChecks``
                yield from ledgers.check(run_id, run)


def _is_of(child: int, call: e.ActivityScheduled) -> bool:
    return call.of_child == child


def _fits(run: Run, undone: list[Place], due: list[Place], is_due: bool, is_else: bool = True) -> bool:
    """Whether a run has undone what it had to, in order. One that was ended from outside may be anywhere in it.
    ``is_else``: all of it may be undone where it is not due."""
    if isinstance(run.terminal, e.RunTerminated | e.RunReplaced):
        return undone == due[: len(undone)]
    return undone == due if is_due else not undone or (is_else and undone == due)


def _before_the_last(run: Run) -> int:
    """The last event of the activation before the one in which a run has ended."""
    return run.ends[-2] if len(run.ends) > 1 else 0


def _goes_on(run: Run) -> bool:
    return isinstance(run.terminal, e.RunContinued)


def _undone(run_id: str, run: Run, of: Callable[[e.ActivityScheduled], bool]) -> list[Place]:
    """What a run has undone, in the order in which it was done with each."""
    calls = [call for _, call in sorted(run.scheduled.items()) if call.compensates is not None and of(call)]
    return [undoes(run_id, run, call) for call in calls if isinstance(run.outcomes.get(call.step), e.ActivityCompleted)]


def _around(run: Run) -> Callable[[int], set[int]]:
    """A scope, and those around it."""
    parents = {event.step: event.parent for event in run.events if isinstance(event, e.SagaBegan)}

    def around(number: int) -> set[int]:
        found: set[int] = set()
        while number >= 0:
            found.add(number)
            number = parents.get(number, -1)
        return found

    return around


def _crossed(run: Run) -> set[int]:
    """Scopes of which a pivot is done."""
    around, found = _around(run), set[int]()
    for step, call in run.scheduled.items():
        if (
            call.saga is not None
            and call.saga.kind == "pivot"
            and isinstance(run.outcomes.get(step), e.ActivityCompleted)
        ):
            found |= around(call.saga.scope)
    return found
