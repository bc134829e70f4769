"""What a history has up to one of its events, and what has become of that since: where a run may be reset to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from sagaline._engine.tables.run_view import RunView
from sagaline._model.codec import decode
from sagaline._model.events import (
    ActivityScheduled,
    ChildBegan,
    ChildEnded,
    ChildRequested,
    Event,
    MessageRequested,
    MessageSettled,
    RunCancelled,
    RunCompleted,
    RunContinued,
    RunFailed,
    RunParked,
    RunPaused,
    RunReplaced,
    RunReset,
    RunResumed,
    RunTerminated,
    RunUnpaused,
    SignalReceived,
    TimerStarted,
    WillLeft,
)
from sagaline._model.ids import undo_run_of
from sagaline._model.limits import RESET_BYTES, RESET_EVENTS
from sagaline._model.records import History
from sagaline._model.tokens import PREFIX as TOKEN

TERMINAL = (RunCompleted, RunFailed, RunCancelled, RunTerminated, RunReplaced, RunContinued, RunReset)
_STEPS = (ActivityScheduled, ChildRequested, MessageRequested, TimerStarted, WillLeft)


class Runs(Protocol):
    """What is asked for the runs of a chain."""

    def run_by_id(self, workflow_id: str, run_id: str, /) -> RunView | None:
        """A run of a workflow id, the newest or an earlier one."""
        ...

    def records(self, run_id: str) -> Iterator[bytes]:
        """A run's records, in order."""
        ...

    def forks(self, run_id: str) -> Sequence[str]:
        """Ids of the runs that have the beginning of a run's history, the oldest first."""
        ...


class TooLong(Exception):
    """There is more history than a reset reads."""


class Reading:
    """Histories of some runs, read once. ``of`` raises TooLong when they have more than a reset reads together."""

    def __init__(self, state: Runs) -> None:
        self._state = state
        self._events = self._bytes = 0
        self._read: dict[str, list[History]] = {}

    def of(self, run_id: str) -> list[History]:
        """A run's records."""
        known = self._read.get(run_id)
        if known is None:
            known = self._read[run_id] = []
            for value in self._state.records(run_id):
                record = decode(value)
                if isinstance(record, History):
                    known.append(record)
                    self._events += len(record.events)
                    self._bytes += len(value)
                    if self._events > RESET_EVENTS or self._bytes > RESET_BYTES:
                        raise TooLong
        return known

    def family(self, base: RunView) -> dict[str, RunView]:
        """All runs that have the beginning of this one's history, or whose beginning it has, those as which they have
        gone on, and those that undo one of them, by id."""
        first = base.run_id if base.fork is None else base.fork.runs[0]
        ids = [*(() if base.fork is None else base.fork.runs), base.run_id, *self._state.forks(first)]
        runs = (self._state.run_by_id(base.workflow_id, run_id) for run_id in dict.fromkeys(ids))
        return {run.run_id: run for one in runs for run in self._undone(self.behind(one))}

    def _undone(self, runs: Iterable[RunView]) -> Iterator[RunView]:
        """Runs, and those that undo them."""
        for run in runs:
            undone: RunView | None = run
            while undone is not None:
                yield undone
                undone = self._state.run_by_id(run.workflow_id, undo_run_of(undone.run_id))

    def branches(self, base: RunView) -> dict[str, RunView]:
        """All runs that share steps with this one, or with one that it goes on from, and have gone another way; and
        those that undo one of them. What a run goes on from has handed on all that it had not undone itself."""
        found: dict[str, RunView] = {}
        todo: list[RunView | None] = [base]
        while todo:
            run = todo.pop()
            if run is None or run.run_id in found:
                continue
            found[run.run_id] = run
            if len(found) > RESET_EVENTS:
                raise TooLong
            ids = [run.continued_from, run.continued_to, undo_run_of(run.run_id), *self._state.forks(run.run_id)]
            ids += () if run.fork is None else run.fork.runs
            ids += () if run.undo is None else (run.undo.run_id,)
            todo += [self._state.run_by_id(base.workflow_id, run_id) for run_id in ids if run_id]
        before: RunView | None = base
        while before is not None:
            before = self._state.run_by_id(base.workflow_id, found.pop(before.run_id).continued_from)
        return found

    def behind(self, run: RunView | None) -> Iterator[RunView]:
        """A run, and those as which it has gone on, also by a reset."""
        while run is not None:
            yield run
            run = self._state.run_by_id(run.workflow_id, run.continued_to) if run.continued_to else None


class Undone(NamedTuple):
    """A step that an event has undone since, and the event that had asked for it: 0 for a step of an earlier run."""

    step: int
    activity: str
    by_event: int
    asked_at: int


class Later(NamedTuple):
    """An event of after the one that a run is reset to, which is to come again, and the run that had it."""

    run_id: str
    event: Event


def points(history: Iterable[History]) -> Iterator[int]:
    """Event ids to which a run may be reset: the ends of activations, while it is neither parked nor paused."""
    parked = paused = False
    for record in history:
        for event in record.events:
            parked = isinstance(event, RunParked) or (parked and not isinstance(event, RunResumed))
            paused = isinstance(event, RunPaused) or (paused and not isinstance(event, RunUnpaused))
        if not (record.more or parked or paused or isinstance(record.events[-1], TERMINAL)):
            yield record.first_event_id + len(record.events) - 1


def steps_until(history: Iterable[History], event_id: int) -> dict[int, tuple[int, Event]]:
    """The steps that the code has asked for up to an event, by number, with the ids of the events that say so."""
    return {
        event.step: (number, event)
        for number, event in numbered(history)
        if number <= event_id and isinstance(event, _STEPS)
    }


def left_open(history: Iterable[History], event_id: int) -> tuple[int, ChildRequested | MessageRequested] | None:
    """The first event up to this one that asks for a child which never ended, or for a message of which nobody heard
    whether it arrived."""
    asked: dict[int, tuple[int, ChildRequested | MessageRequested]] = {}
    for number, event in numbered(history):
        if isinstance(event, ChildRequested | MessageRequested) and number <= event_id:
            asked[event.step] = number, event
        elif isinstance(event, ChildEnded | MessageSettled):
            asked.pop(event.step, None)
    return min(asked.values(), key=lambda found: found[0], default=None)


def undone_since(reading: Reading, base: RunView, event_id: int) -> Undone | None:
    """A step of up to an event that was undone behind it: by the run itself, by one as which it has gone on, by one
    that another reset has made of it, or of what it was made of, or by one that undoes one of these."""
    left_at = {base.run_id: event_id}  # the last event that each run shares with this beginning
    if base.fork is not None:
        left_at |= {run: min(end, event_id) for run, end in zip(base.fork.runs, base.fork.event_ids, strict=True)}
    stands = _standing(reading, base, event_id)
    steps = steps_until(reading.of(base.run_id), event_id)
    children = {step: number for step, (number, event) in steps.items() if isinstance(event, ChildRequested)}
    family = reading.branches(base) | reading.family(base)
    for run in family.values():
        shared = left_at.get(run.run_id, 0 if run.fork is None else run.fork.event_id)
        for number, event in numbered(reading.of(run.run_id)):
            if number <= shared or not isinstance(event, ActivityScheduled) or event.compensates is None:
                continue
            if event.of_child:
                asked_at = children.get(event.of_child, event_id + 1)
                if asked_at <= shared:
                    return Undone(event.of_child, event.activity, number, asked_at)
                continue
            of_run = _undone_of(run, number, event)
            if (of_run, event.compensates) in stands:
                return Undone(event.compensates, event.activity, number, stands[of_run, event.compensates])
            if of_run not in family:  # one that this one goes on from
                return Undone(event.compensates, event.activity, number, 0)
    return None


def undone_in(reading: Reading, runs: Iterable[RunView]) -> Iterator[tuple[str, int]]:
    """Steps, by run and number, that these runs have undone, or have begun to."""
    for run in runs:
        for number, event in numbered(reading.of(run.run_id)):
            if isinstance(event, ActivityScheduled) and event.compensates is not None:
                yield _undone_of(run, number, event), event.compensates


def _undone_of(run: RunView, number: int, event: ActivityScheduled) -> str:
    """The run whose step an event of ``run`` undoes: an event that was copied means the run that had it."""
    of_run = event.compensates_run or ("" if run.fork is None else run.fork.run_at(number))
    return of_run or run.run_id


def _standing(reading: Reading, base: RunView, event_id: int) -> dict[tuple[str, int], int]:
    """Activities of up to an event that are not undone in it, by run and step, with the events that asked for them."""
    found: dict[tuple[str, int], int] = {}
    for number, event in numbered(reading.of(base.run_id)):
        if number <= event_id and isinstance(event, ActivityScheduled):
            run_id = "" if base.fork is None else base.fork.run_at(number)
            place = run_id or base.run_id
            if event.compensates is None:
                found[place, event.step] = number
            else:
                found.pop((event.compensates_run or place, event.compensates), None)
    return found


def later(reading: Reading, base: RunView, event_id: int, drop_signals: bool, fork_id: str = "") -> list[Later]:
    """Signals that came after an event, also to the runs as which this one has gone on, in order; and what became of
    the children and messages that had been asked for by then. ``fork_id``: the run that a reset has begun with it."""
    steps = steps_until(reading.of(base.run_id), event_id)
    known: set[str] = set()
    listed: list[Later] = []
    goes_on = False  # as a run that has other tokens
    for run in reading.behind(base):
        if run.run_id == fork_id:
            break
        goes_on = goes_on or (run is not base and bool(run.continued_from))
        for number, event in numbered(reading.of(run.run_id)):
            is_later = run is not base or number > event_id
            if isinstance(event, SignalReceived):
                is_anothers = goes_on and event.signal.startswith(TOKEN)
                if is_later and not (drop_signals or is_anothers) and event.request_id not in known:
                    listed.append(Later(run.run_id, event))
                known.add(event.request_id)
            elif isinstance(event, ChildBegan | ChildEnded | MessageSettled):
                if run is base and is_later and event.step in steps:
                    listed.append(Later(run.run_id, event))
    return listed


def numbered(history: Iterable[History]) -> Iterator[tuple[int, Event]]:
    """The events of a history, with their ids."""
    for record in history:
        yield from enumerate(record.events, record.first_event_id)


def decoded(history: Iterable[bytes]) -> Iterator[History]:
    """The records of a history."""
    for value in history:
        record = decode(value)
        if isinstance(record, History):
            yield record
