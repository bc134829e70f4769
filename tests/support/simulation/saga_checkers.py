"""What must hold of the scopes of a run, by its history alone: who is undone, when, in which order.

The rules are those of docs/decisions/0059, written down here a second time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sagaline._model import events as e
from simulation.book_checkers import Run
from simulation.load import UNDONE

_FORCED = (e.RunTerminated, e.RunReplaced, e.RunReset)
_COMMITTED, _COMPENSATED, _OPEN = "committed", "compensated", "open"
_GOES = b'["goes'


@dataclass
class _Scope:
    parent: int
    parallel: bool
    ended: str = _OPEN
    pivot_at: int = 0  # the record in which a pivot of it was done


@dataclass
class _Call:
    """A step that may have to be undone, and the calls that undo it. ``at``: the event's place."""

    scheduled: e.ActivityScheduled
    at: int
    ended_after: int = 0  # the last step that had been asked for when it ended
    is_clean: bool = False
    has_ended: bool = False
    undoing: list[_Undo] = field(default_factory=list)


@dataclass
class _Undo:
    at: int
    ended_at: int = 0
    is_done: bool = False
    by_hand: bool = False


class Reading:
    """A run's history, read from its beginning."""

    def __init__(self, run_id: str, run: Run, entries: Mapping[str, str], marks: Counter[str]) -> None:
        self.run_id, self.run, self.entries, self.marks = run_id, run, entries, marks
        self.scopes: dict[int, _Scope] = {}
        self.calls: dict[int, _Call] = {}
        self.undos: dict[int, _Undo] = {}
        self.pivots: dict[int, e.ActivityScheduled] = {}
        self.found: list[str] = []
        self.last_step = 0
        self.record = 0
        self.is_undone = False  # its code is called no more

    def fail(self, what: str) -> None:
        self.found.append(f"{self.run.workflow_id} ({self.run_id}): {what}")

    def around(self, number: int) -> list[int]:
        """A scope and those around it, inwards first."""
        found: list[int] = []
        while number >= 0:
            found.append(number)
            number = self.scopes[number].parent if number in self.scopes else -1
        return found

    def scopes_of(self, call: _Call) -> list[int]:
        saga = call.scheduled.saga
        return [] if saga is None else self.around(saga.scope)

    def within(self, scope: int) -> list[_Call]:
        return [call for call in self.calls.values() if scope in self.scopes_of(call)]

    def read(self) -> None:
        ends = set(self.run.ends)
        for at, event in enumerate(self.run.events, 1):
            self._on(at, event)
            if type(event) in e.COMMANDS:
                self.last_step = max(self.last_step, getattr(event, "step", 0))
            self.record += at in ends

    def _on(self, at: int, event: Any) -> None:
        match event:
            case e.SagaBegan():
                self.scopes[event.step] = _Scope(event.parent, event.parallel)
                if event.parent == 0:
                    self.scopes.setdefault(0, _Scope(-1, False))
            case e.SagaEnded():
                self._ended(event)
            case e.ActivityScheduled():
                self._scheduled(at, event)
            case e.ActivityCompleted() | e.ActivityFailed():
                self._outcome(at, event)
            case e.ActivityRepaired():
                if event.step in self.undos and event.action in ("done", "skip"):
                    self.undos[event.step].by_hand = True
            case e.UndoRequested():
                self.is_undone = True
            case e.CancelRequested():
                is_behind = any(scope.pivot_at and scope.ended == _OPEN for scope in self.scopes.values())
                self.marks["cancellation held back by a pivot"] += bool(self.pivots) or is_behind
            case _:
                pass

    def _scheduled(self, at: int, event: e.ActivityScheduled) -> None:
        if event.compensates is not None:
            self._undoing(at, event, event.compensates)
        elif event.saga is not None:
            self.scopes.setdefault(event.saga.scope, _Scope(-1, False))
            if event.saga.kind == "pivot":
                self.pivots[event.step] = event
            if event.saga.kind:
                return
            self.calls[event.step] = _Call(event, at)
            crossed = self.scopes[event.saga.scope].pivot_at
            if 0 < crossed < self.record + 1:
                self.fail(f"step {event.step}, which can be undone, was called behind a pivot")

    def _undoing(self, at: int, event: e.ActivityScheduled, step: int) -> None:
        if event.compensates_run not in ("", self.run.owner(self.run_id, step)):
            return  # of a run before this one, or of a child
        call = self.calls.get(step)
        if call is None:
            self.fail(f"step {step} is undone, which is no step that can be")
            return
        if not call.has_ended or call.is_clean:
            self.fail(f"step {step} is undone although it {'has no effect' if call.is_clean else 'has not ended'}")
        if any(not undo.ended_at or undo.is_done for undo in call.undoing):
            self.fail(f"step {step} is undone twice")
        self.marks["undone by a fallback"] += bool(call.undoing)
        scopes = self.scopes_of(call)
        if scopes and 0 < self.scopes[scopes[0]].pivot_at < self.record + 1:
            self.fail(f"step {step} is undone although a pivot of its scope is done")
        self.undos[event.step] = _Undo(at)
        call.undoing.append(self.undos[event.step])

    def _outcome(self, at: int, event: e.ActivityCompleted | e.ActivityFailed) -> None:
        if (pivot := self.pivots.pop(event.step, None)) is not None and pivot.saga is not None:
            is_done = isinstance(event, e.ActivityCompleted)
            self.marks["pivot done" if is_done else "pivot says no"] += 1
            for scope in self.around(pivot.saga.scope) if is_done else []:
                self.scopes[scope].pivot_at = self.scopes[scope].pivot_at or self.record + 1
        if (call := self.calls.get(event.step)) is not None:
            call.has_ended, call.ended_after = True, self.last_step
            call.is_clean = isinstance(event, e.ActivityFailed) and event.failure.clean
        if (undo := self.undos.get(event.step)) is not None:
            undo.ended_at, undo.is_done = at, isinstance(event, e.ActivityCompleted)

    def _ended(self, event: e.SagaEnded) -> None:
        scope = self.scopes[event.step]
        if scope.ended != _OPEN:
            self.fail(f"scope {event.step} has ended twice")
        scope.ended = event.outcome
        self.marks[f"scope {event.outcome}"] += 1
        if event.outcome == _COMPENSATED:
            self.check_undone(event.step)

    def check_undone(self, scope: int) -> None:
        """A scope has rolled back: everything in it that may have had an effect is undone by now."""
        if scope in self.scopes and self.scopes[scope].pivot_at:
            self.fail(f"scope {scope} was rolled back although its pivot is done")
        for call in self.within(scope):
            if not call.is_clean and not any(undo.is_done for undo in call.undoing):
                self.fail(f"scope {scope} is compensated but its step {call.scheduled.step} is not")

    # At the end

    def finish(self) -> None:
        """The run has ended."""
        terminal = self.run.terminal
        rolled_back = isinstance(terminal, e.RunFailed | e.RunCancelled) and terminal.rolled_back
        if rolled_back:
            self.check_undone(0)
        is_forced = isinstance(terminal, _FORCED)
        if 0 in self.scopes:
            self.scopes[0].ended = _COMPENSATED if rolled_back else _OPEN if is_forced else _COMMITTED
        for number, scope in self.scopes.items():
            if scope.ended == _OPEN and not (is_forced or self.is_undone):
                if any(self.scopes[one].ended == _COMPENSATED for one in self.around(number)):
                    self.marks["scope rolled back by the saga around it"] += 1
                elif not (isinstance(terminal, e.RunContinued) and 0 in self.around(number)):
                    self.fail(f"it has ended while its scope {number} was open")
        for call in self.calls.values():
            self._check_call(call)
        self._check_order()

    def _check_call(self, call: _Call) -> None:
        """Whether it was undone where nobody should have, or not where somebody should."""
        step, scopes = call.scheduled.step, self.scopes_of(call)
        is_of_savepoint = call.scheduled.input.startswith(_GOES)
        all_committed = all(self.scopes[scope].ended == _COMMITTED for scope in scopes)
        is_undone = any(undo.is_done for undo in call.undoing)
        if all_committed and call.undoing and not (is_of_savepoint or self.is_undone):
            self.fail(f"step {step} is undone although no scope of it has rolled back")
        if is_of_savepoint and self.scopes[scopes[0]].ended == _COMMITTED and not is_undone and not call.is_clean:
            self.fail(f"step {step} stands although its scope has gone back to before it")
        self.marks["savepoint rolled back to"] += all_committed and is_undone
        by_hand = any(undo.by_hand for undo in call.undoing)
        entry = self.entries.get(f"{self.run.owner(self.run_id, step)}/{step}")
        if is_undone and not by_hand and entry != UNDONE:
            self.fail(f"step {step} is undone but the books say {entry}")

    def _check_order(self) -> None:
        """Whoever would undo both of two steps undoes the later one first; and waits for it, unless both may be undone
        beside each other."""
        undone = [call for call in self.calls.values() if call.undoing]
        for place, older in enumerate(undone):
            around = self.scopes_of(older)
            for newer in undone[place + 1 :]:
                if newer.at > older.undoing[0].at or not set(around) <= set(self.scopes_of(newer)):
                    continue
                steps = older.scheduled.step, newer.scheduled.step
                if older.undoing[0].at < newer.undoing[0].at:
                    self.fail(f"steps {steps} are undone in the order of their start")
                elif not 0 < newer.undoing[-1].ended_at < older.undoing[0].at:
                    self.marks["undone beside another"] += 1
                    if not any(self._ran_beside(older, newer, scope) for scope in around):
                        self.fail(f"steps {steps} are undone beside each other, beside which they did not run")

    def _ran_beside(self, older: _Call, newer: _Call, scope: int) -> bool:
        """Whether two steps of a scope ran beside each other, also by way of others, and all of those are undone in
        parallel. What was undone before does not count."""
        last, is_older_in, began = 0, False, newer.undoing[0].at
        for call in self.within(scope):
            if not call.undoing or (call is not newer and 0 < call.undoing[-1].ended_at < began):
                continue
            is_parallel = self.scopes[self.scopes_of(call)[0]].parallel
            if not is_parallel or call.scheduled.step > last:
                is_older_in = False  # a batch begins with it
            is_older_in = is_older_in or call is older
            if call is newer:
                return is_older_in and is_parallel
            last = max(last, call.ended_after) if is_parallel else 0
        return False


def check_scopes(run_id: str, run: Run, entries: Mapping[str, str], marks: Counter[str]) -> Iterator[str]:
    """Of a run that has ended."""
    reading = Reading(run_id, run, entries, marks)
    reading.read()
    if reading.scopes:
        reading.finish()
    yield from reading.found
