"""What must hold of runs that a reset begins, by the raw log alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from sagaline._model import events as e
from sagaline._model.records import History, ResetRun
from sagaline._payloads import is_sealed
from simulation.book_checkers import Run

_AGAIN = (e.ChildBegan, e.ChildEnded, e.MessageSettled)
_STEPS = (e.ActivityScheduled, e.ChildRequested, e.MessageRequested, e.TimerStarted)
_OF_ITS_OWN = ("reply_to", "reply_partition", "first_run_id", "deadline", "fork")


class ForkChecks:
    """The first events of a fork are those of the run that was reset, nothing that came to that one later is lost, and
    a request begins one fork."""

    def __init__(self, violations: list[str], marks: Counter[str]) -> None:
        self._violations, self._marks = violations, marks
        self._expected: dict[str, list[object]] = {}  # by fork: what comes again
        self._asked: set[str] = set()
        self._begun: dict[str, str] = {}  # by request: the run

    def asked(self, request: object) -> None:
        """A request is in the log."""
        if isinstance(request, ResetRun):
            self._asked.add(request.request_id)

    def finish(self, refused: set[str]) -> None:
        """No request is lost."""
        self._violations += [f"{request} was lost" for request in sorted(self._asked - self._begun.keys() - refused)]

    def began(self, run_id: str, fork: e.Fork) -> None:
        """The first record of a fork."""
        if self._begun.setdefault(fork.request_id, run_id) != run_id:
            self._violations.append(f"{fork.request_id} has begun two runs")

    def copied(self, run_id: str, run: Run, fork: e.Fork, known: Mapping[str, Run]) -> None:
        """All of a fork's copy is there: from now on it is as the other run was."""
        base = known[fork.run_id]
        self._marks["reset of an ended run" if _ended_before(base, run_id) else "reset of an open run"] += 1
        self._marks["reset of a fork"] += len(fork.runs) > 1
        if list(map(_essence, run.events[: fork.event_id])) != list(map(_essence, base.events[: fork.event_id])):
            self._violations.append(f"{run_id} begins otherwise than {fork.run_id} up to event {fork.event_id}")
        for number, event in enumerate(run.events[: fork.event_id], 1):
            if isinstance(event, _STEPS):
                run.asked[event.step] = fork.run_at(number)
            _remember(run, event)
        self._expected[run_id] = list(map(_name, _later(fork, known)))
        if len(self._expected[run_id]) != fork.delivered:
            self._violations.append(f"{run_id} is to receive {fork.delivered} events but {self._expected[run_id]}")

    def own(self, found: History, fork: e.Fork) -> None:
        """A record of a fork behind its copy: the first has what comes again."""
        expected = self._expected.pop(found.run_id, [])
        again = [_name(event) for event in found.events[: len(expected)]]
        if again != expected:
            self._violations.append(f"{found.run_id} received {again} again and not {expected}")
        self._marks["came again after a reset"] += len(expected)


def _later(fork: e.Fork, known: Mapping[str, Run]) -> Iterator[Any]:
    """What came to the run that was reset after the event, and to those that have gone on from it by then."""
    steps = {event.step for event in known[fork.run_id].events[: fork.event_id] if isinstance(event, _STEPS)}
    heard: set[str] = set()
    run_id = fork.run_id
    while run_id in known:
        run = known[run_id]
        for number, event in enumerate(run.events, 1):
            is_later = run_id != fork.run_id or number > fork.event_id
            if isinstance(event, e.SignalReceived):
                if is_later and event.request_id not in heard and not fork.drop_signals:
                    yield event
                heard.add(event.request_id)
            elif is_later and run_id == fork.run_id and isinstance(event, _AGAIN) and event.step in steps:
                yield event
        end = run.terminal
        if isinstance(end, e.RunReset) and end.fork.request_id == fork.request_id:
            return
        run_id = end.run_id if isinstance(end, e.RunContinued | e.RunReset) else ""


def _ended_before(base: Run, run_id: str) -> bool:
    return not (isinstance(base.terminal, e.RunReset) and base.terminal.run_id == run_id)


def _name(event: Any) -> object:
    return type(event).__name__, getattr(event, "step", None), getattr(event, "request_id", None)


def _essence(event: Any) -> object:
    """What a copy has in common with its event: sealed payloads differ, and who is answered."""
    values = msgspec.structs.asdict(event)
    for name, value in values.items():
        if (isinstance(value, bytes) and is_sealed(value)) or (isinstance(event, e.RunStarted) and name in _OF_ITS_OWN):
            values[name] = None
    return type(event), tuple(values.items())


def _remember(run: Run, event: Any) -> None:
    """What an event of the copy leaves in the run."""
    match event:
        case e.RunStarted():
            run.parent = (event.parent_run_id, event.parent_step)
        case e.ChildRequested():
            run.children[event.step] = None
        case e.ChildEnded():
            run.children[event.step] = event
        case e.ActivityScheduled():
            run.scheduled[event.step] = event
        case e.ActivityCompleted() | e.ActivityFailed():
            run.outcomes[event.step] = event
        case e.TimerStarted():
            run.timers[event.step] = event.due_at
        case e.TimerFired():
            run.timers.pop(event.step)
        case e.RunPaused() | e.RunUnpaused():
            run.paused = isinstance(event, e.RunPaused)
        case e.RunParked() | e.RunResumed():
            run.quarantined = isinstance(event, e.RunParked)
        case _:
            pass
