"""Checks the raw log and the participant's books. Nothing of the engine's reading is used but the codec. Validity is
written down here a second time, on purpose. The invariants are those of docs/guarantees.md."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from sagaline._log import COMMANDS, DEADLETTERS, HISTORY, OUTCOMES, REPLIES, Record
from sagaline._model import events as e
from sagaline._model.codec import UnreadableRecord, decode
from sagaline._model.keys import HistoryKey, parse_key
from sagaline._model.records import Claim, History, Positions, Refusals, Reply, StartRun
from simulation.answer_checkers import AnswerChecks
from simulation.attempt_checkers import AttemptChecks
from simulation.book_checkers import ChainBooks, Run
from simulation.broker import INJECTED
from simulation.cancel_checkers import CancelChecks
from simulation.child_checkers import check_beginning, check_child
from simulation.deploy_checkers import OrderChecks
from simulation.flow_checkers import FlowChecks
from simulation.fork_checkers import ForkChecks
from simulation.ids import Ids
from simulation.load import Books
from simulation.lock_checkers import LockChecks
from simulation.outcome_checkers import OutcomeChecks
from simulation.parking_checkers import ParkingChecks
from simulation.talk_checkers import TalkChecks
from simulation.undo_checkers import check_sagas
from simulation.will_checkers import WillChecks

TERMINAL = (e.RunCompleted, e.RunFailed, e.RunCancelled, e.RunTerminated, e.RunReplaced, e.RunReset, e.RunContinued)


class Watcher:
    """Hears of every record as it lands. ``violations`` says what must not have happened."""

    def __init__(self, books: Books, marks: Counter[str], now_s: Callable[[], float], retention_s: float) -> None:
        """``retention_s``: for so long, whatever the clocks say, an ended run is surely kept."""
        self.books, self.marks = books, marks
        self._now_s, self._retention_s = now_s, retention_s
        self._asked_at_s: dict[str, float] = {}  # by request: when its start was written last
        self.violations: list[str] = []
        self.ids = Ids(self.violations)
        self.answers, self.attempts = AnswerChecks(self.violations), AttemptChecks(books, self.violations)
        self.talk = TalkChecks(self.violations, marks, self._may_be_forgotten)
        self.wills = WillChecks(self.violations, self._all)
        self.locks = LockChecks(self.violations, marks, self._all)
        self.flow = FlowChecks(self.violations, marks, self._all)
        self.cancels = CancelChecks(self.violations, marks)
        self.parking, self.outcomes = ParkingChecks(self.violations, marks), OutcomeChecks(self.violations, marks)
        self.orders = OrderChecks(self.violations, marks)
        self.version_of: Callable[[], str] = lambda: ""
        self._versions: dict[int, str] = {}  # by partition: that of its owner's code
        self.forks = ForkChecks(self.violations, marks)
        self.runs: dict[tuple[int, str], Run] = {}
        self._retired: list[tuple[str, Run]] = []
        self._epochs: dict[int, int] = {}
        self._positions: dict[int, tuple[int, int, int]] = {}
        self._valid_keys: set[tuple[int, bytes]] = set()
        self._refused_at_s: dict[str, float] = {}
        self.refused: set[str] = set()
        self.poison: set[bytes] = set()  # values that must be in dead letters in the end

    def landed(self, record: Record) -> None:
        """A record is in the log."""
        if record.topic == HISTORY:
            self._on_history(record)
        elif record.topic == REPLIES:
            self._on_reply(record)
        elif record.topic == OUTCOMES:
            self.outcomes.landed(record)
        elif record.topic == COMMANDS:
            self._on_command(record)
        elif record.topic == DEADLETTERS:
            self.marks["dead letter"] += 1
            self.poison.discard(record.value or b"")

    def _fail(self, record: Record, what: str) -> None:
        self.violations.append(f"{record.topic}[{record.partition}]@{record.offset}: {what}")

    def _on_history(self, record: Record) -> None:
        partition = record.partition
        assert record.key is not None
        if record.value is None:
            self._on_tombstone(record)
            return
        found = decode(record.value)
        if isinstance(found, Claim):
            self._epochs[partition] = record.offset
            self._versions[partition] = self.version_of()
        elif isinstance(found, History | Refusals | Positions):
            if found.epoch != self._epochs.get(partition):
                self.marks["invalid record"] += 1
                return
            if (partition, record.key) in self._valid_keys:
                self._fail(record, f"key {record.key!r} was used before")
            self._valid_keys.add((partition, record.key))
            self._check_positions(record, (found.commands_position, found.results_position, found.released))
            if isinstance(found, History):
                self._on_activation(record, found)
            elif isinstance(found, Refusals):
                self._refuse({one.request_id for one in found.refusals})

    def _on_command(self, record: Record) -> None:
        try:
            found = decode(record.value)
        except UnreadableRecord:
            return
        for checks in (self.talk, self.cancels, self.wills, self.forks, self.parking):
            checks.asked(found)
        if isinstance(found, StartRun):
            self._asked_at_s[found.request_id] = self._now_s()
            self.ids.asked(found)

    def is_kept(self, run: Run) -> bool:
        """Whether it has not ended, or not so long ago that it may be retired."""
        return run.terminal is None or self._now_s() < run.ended_at_s + self._retention_s

    def _refuse(self, requests: set[str]) -> None:
        self.refused |= requests
        for request in requests:
            self._refused_at_s.setdefault(request, self._now_s())

    def _may_be_forgotten(self, request_id: str) -> bool:
        """Refusals are kept as long as runs that have ended."""
        return self._now_s() > self._refused_at_s.get(request_id, math.inf) + self._retention_s

    def _check_is_new(self, record: Record, run_id: str, request_id: str) -> None:
        """A start is done once, however late it is read and however often it was written within the retention."""
        before = [run.ended_at_s for retired, run in self._retired if retired == run_id]
        if before and self._asked_at_s.get(request_id, math.inf) < before[-1] + self._retention_s:
            self._fail(record, f"{request_id} was done a second time")

    def _check_positions(self, record: Record, now: tuple[int, int, int]) -> None:
        before = self._positions.get(record.partition, (0, 0, 0))
        if any(new < old for new, old in zip(now, before, strict=True)):
            self._fail(record, f"positions go back from {before} to {now}")
        self._positions[record.partition] = now

    def _on_tombstone(self, record: Record) -> None:
        """What was retired may come again: a start that is repeated after the retention is a new run."""
        self.marks["tombstone"] += 1
        assert record.key is not None
        if (record.partition, record.key) in self._valid_keys:
            self._valid_keys.remove((record.partition, record.key))
            found = parse_key(record.key)
            if isinstance(found, HistoryKey) and found.first_event_id == 1:
                run = self.runs.pop((record.partition, found.run_id))
                self._retired.append((found.run_id, run))
                for checks in (self.talk, self.cancels, self.parking, self.answers):
                    checks.retired(found.run_id)
                if run.terminal is None:
                    self._fail(record, f"{run.workflow_id} was retired before its end")

    def _on_activation(self, record: Record, found: History) -> None:
        run = self.runs.setdefault((record.partition, found.run_id), Run(found.workflow_id))
        if found.first_event_id != run.next_event_id:
            self._fail(record, f"event {found.first_event_id} of {found.workflow_id} where {run.next_event_id} was due")
        if found.epoch < run.epoch or found.at < run.last_at:
            self._fail(record, "epoch or time goes back")
        run.epoch, run.last_at = found.epoch, found.at
        run.next_event_id = found.first_event_id + len(found.events)
        run.ends.append(run.next_event_id - 1)
        first = found.events[0]
        if isinstance(first, e.RunStarted) and first.fork is not None:
            run.fork = first.fork
            self._check_is_new(record, found.run_id, first.fork.request_id)
            self.ids.began(found.workflow_id, found.run_id, first)
            self.forks.began(found.run_id, first.fork)
        run.events += found.events
        self.orders.happened(found.run_id, found.workflow_id, self._versions[record.partition], found.events)
        if run.fork is None:
            for event in found.events:
                self._on_event(record, run, found, event)
        elif found.first_event_id <= run.fork.event_id:
            self._on_copy(found.run_id, run, run.fork)
        else:
            self.forks.own(found, run.fork)
            for number, event in enumerate(found.events, found.first_event_id):
                self._on_event(record, run, found, event, number <= run.fork.event_id + run.fork.delivered)

    def _on_copy(self, run_id: str, run: Run, fork: e.Fork) -> None:
        """Copied events of a fork: none of them counts before all are there."""
        if run.next_event_id <= fork.event_id:
            return
        self.forks.copied(run_id, run, fork, self.known())
        self.talk.copied(run_id, run, self.known())
        self.cancels.copied(run_id, run.events)
        for checks in (self.parking, self.outcomes):
            checks.copied(run_id, run.workflow_id, run.events)
        self.books.scheduled |= {(run_id, step) for step in run.scheduled}
        started = run.events[0]
        if started.reply_to:
            self.answers.promised(started.request_id, started.reply_when)

    def known(self) -> dict[str, Run]:
        """All runs, those that are retired too, by id."""
        return dict(self._all())

    def _all(self) -> list[tuple[str, Run]]:
        return [*self._retired, *((run_id, run) for (_, run_id), run in self.runs.items())]

    def _tell(self, record: Record, run: Run, found: History, event: Any) -> None:
        for checks in (self.cancels, self.parking, self.outcomes):
            checks.happened(found.run_id, run.workflow_id, event)
        self.locks.happened(run.workflow_id, event)
        self.flow.happened(run.workflow_id, event, found.at)
        if run.is_unasked(event, self.marks):
            self._fail(record, f"{type(event).__name__} of {run.workflow_id} while it is paused")

    def _on_event(self, record: Record, run: Run, found: History, event: Any, again: bool = False) -> None:
        """``again``: it had happened to the run that was reset."""
        if run.terminal is not None:
            self._fail(record, f"{type(event).__name__} after the end of {run.workflow_id}")
        self.marks[type(event).__name__] += 1
        asked_by = run.owner(found.run_id, event.step) if isinstance(event, e.MessageSettled) else found.run_id
        self.talk.happened(found.run_id, event, again, asked_by)
        self.attempts.happened(found.run_id, event)
        self._tell(record, run, found, event)
        match event:
            case e.RunStarted():
                self._check_is_new(record, found.run_id, event.request_id)
                self.marks["continued"] += bool(event.continued_from)
                self.ids.began(found.workflow_id, found.run_id, event)
                self.talk.began(found.run_id, event)
                self.violations += check_beginning(found.run_id, run, event, self._retired, self.refused)
                if event.reply_to:
                    self.answers.promised(event.request_id, event.reply_when)
            case e.ChildRequested():
                run.children[event.step] = None
            case e.ChildEnded():
                self.marks["child ended"] += 1
                self.violations += check_child(found.run_id, run, event, self._all())
            case e.ActivityScheduled() | e.ActivityCompleted() | e.ActivityFailed():
                self._on_step(record, run, found.run_id, event)
            case e.TimerStarted():
                run.timers[event.step] = event.due_at
            case e.TimerFired():
                if found.at < run.timers.pop(event.step, 2**62):
                    self._fail(record, f"timer {event.step} of {run.workflow_id} fired early, twice or unasked")
            case e.RunParked() | e.RunResumed():
                run.quarantined = isinstance(event, e.RunParked) and INJECTED in event.failure.message
                self.marks["quarantined"] += run.quarantined
                if isinstance(event, e.RunParked) and not (run.quarantined or self.orders.knows(found.run_id)):
                    self._fail(record, f"{run.workflow_id} was parked: {event.failure.message}")
            case _:
                pass
        if isinstance(event, TERMINAL):
            run.terminal, run.ended_at_s = event, self._now_s()
            self.talk.ended(found.run_id)
            self.parking.ended(found.run_id, run.workflow_id, event)
            self.ids.ended(run.workflow_id, event)

    def _on_step(self, record: Record, run: Run, run_id: str, event: Any) -> None:
        if isinstance(event, e.ActivityScheduled):
            run.scheduled[event.step] = event
            return
        if event.step in run.outcomes or event.step not in run.scheduled:
            self._fail(record, f"a second or unasked outcome of step {event.step} of {run.workflow_id}")
        run.outcomes[event.step] = event

    def _on_reply(self, record: Record) -> None:
        assert record.value is not None
        found = decode(record.value)
        assert isinstance(found, Reply)
        self.answers.answered(found, self._has_ended, self.refused | self.talk.queries | self.cancels.gone)
        self.ids.answered(found)
        self.talk.answered(found)

    def _has_ended(self, run_id: str) -> bool:
        return any(one == run_id and run.terminal is not None for one, run in self._all())

    # At the end

    def quarantined(self) -> list[str]:
        """Workflow ids of runs that wait for a person: what nobody expects was raised at them twice."""
        return [run.workflow_id for run in self.runs.values() if run.quarantined and run.terminal is None]

    def gone(self) -> set[str]:
        """Ids of runs that were retired and did not come again."""
        return {run_id for run_id, _ in self._retired} - {run_id for _, run_id in self.runs}

    def finish(self) -> list[str]:
        """Everything that must hold after a quiet period."""
        for checks in (self.ids, self.forks, self.talk, self.cancels, self.wills, self.parking):
            checks.finish(self.refused)
        self.violations += [f"{value!r} is not in the dead letters" for value in sorted(self.poison)]
        self.answers.finish()
        self.outcomes.finish()
        books = ChainBooks(self.books, self.violations, self.marks, self._all())
        for run_id, run in self._all():
            if run.terminal is None:
                self.violations.append(f"{run.workflow_id} ({run_id}) never ended")
            else:
                books.check(run_id, run)
        self.violations += check_sagas(self.books, self._all(), self.marks)
        return self.violations + self.books.violations
