"""Checks the raw log and the participant's books. Nothing of the engine's reading is used but the codec.

Validity is written down here a second time, on purpose. The invariants are those of docs/guarantees.md.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from sagaline._log import COMMANDS, DEADLETTERS, HISTORY, REPLIES, Record
from sagaline._model import events as e
from sagaline._model.codec import UnreadableRecord, decode
from sagaline._model.keys import HistoryKey, parse_key
from sagaline._model.records import Claim, History, Positions, Refusals, Reply, StartRun
from simulation.book_checkers import ChainBooks, Run
from simulation.broker import INJECTED
from simulation.cancel_checkers import CancelChecks
from simulation.deploy_checkers import OrderChecks
from simulation.ids import Ids
from simulation.load import Books
from simulation.talk_checkers import TalkChecks

TERMINAL = (e.RunCompleted, e.RunFailed, e.RunCancelled, e.RunTerminated, e.RunReplaced, e.RunContinued)


class Watcher:
    """Hears of every record as it lands. ``violations`` says what must not have happened."""

    def __init__(self, books: Books, marks: Counter[str], now_s: Callable[[], float], retention_s: float) -> None:
        """``retention_s``: for so long, whatever the clocks say, an ended run is surely kept."""
        self.books, self.marks = books, marks
        self._now_s, self._retention_s = now_s, retention_s
        self._asked_at_s: dict[str, float] = {}  # by request: when its start was written last
        self.violations: list[str] = []
        self.ids = Ids(self.violations)
        self.talk = TalkChecks(self.violations, marks)
        self.cancels = CancelChecks(self.violations, marks)
        self.orders = OrderChecks(self.violations, marks)
        self.version_of: Callable[[], str] = lambda: ""
        self._versions: dict[int, str] = {}  # by partition: that of its owner's code
        self.runs: dict[tuple[int, str], Run] = {}
        self._retired: list[tuple[str, Run]] = []
        self._epochs: dict[int, int] = {}
        self._positions: dict[int, tuple[int, int, int]] = {}
        self._valid_keys: set[tuple[int, bytes]] = set()
        self._closed_replies: dict[str, tuple[str, bytes | None]] = {}
        self.accepted: dict[str, str] = {}
        self._promised: dict[str, str] = {}  # kind of the answer that a request is owed
        self._told: set[tuple[str, str]] = set()
        self.refused: set[str] = set()
        self.poison: set[bytes] = set()  # values that must be in dead letters in the end

    def landed(self, record: Record) -> None:
        """A record is in the log."""
        if record.topic == HISTORY:
            self._on_history(record)
        elif record.topic == REPLIES:
            self._on_reply(record)
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
                self.refused |= {one.request_id for one in found.refusals}

    def _on_command(self, record: Record) -> None:
        try:
            found = decode(record.value)
        except UnreadableRecord:
            return
        self.talk.asked(found)
        self.cancels.asked(found)
        if isinstance(found, StartRun):
            self._asked_at_s[found.request_id] = self._now_s()
            self.ids.asked(found)

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
                self.talk.retired(found.run_id)
                self.cancels.retired(found.run_id)
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
        self.orders.happened(found.run_id, found.workflow_id, self._versions[record.partition], found.events)
        for event in found.events:
            self._on_event(record, run, found, event)

    def _check_pause(self, record: Record, run: Run, event: Any) -> None:
        """While a run is paused its code asks for nothing, for it does not run."""
        if isinstance(event, e.RunPaused | e.RunUnpaused):
            run.paused = isinstance(event, e.RunPaused)
            self.marks["paused" if run.paused else "unpaused"] += 1
        elif run.paused and type(event) in e.COMMANDS:
            self._fail(record, f"{type(event).__name__} of {run.workflow_id} while it is paused")

    def _on_event(self, record: Record, run: Run, found: History, event: Any) -> None:
        if run.terminal is not None:
            self._fail(record, f"{type(event).__name__} after the end of {run.workflow_id}")
        self.marks[type(event).__name__] += 1
        self.talk.happened(found.run_id, event)
        self.cancels.happened(found.run_id, found.workflow_id, event)
        self._check_pause(record, run, event)
        match event:
            case e.RunStarted():
                self._check_is_new(record, found.run_id, event.request_id)
                self.marks["continued"] += bool(event.continued_from)
                self.ids.began(found.workflow_id, found.run_id, event)
                self.talk.began(found.run_id, event)
                self.accepted.setdefault(event.request_id, run.workflow_id)
                run.parent = (event.parent_run_id, event.parent_step)
                if event.reply_to:
                    self._promised[event.request_id] = event.reply_when
            case e.ChildRequested():
                run.children[event.step] = None
            case e.ChildEnded():
                self._on_child(record, run, found.run_id, event)
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
            self.ids.ended(run.workflow_id, event)

    def _on_step(self, record: Record, run: Run, run_id: str, event: Any) -> None:
        if isinstance(event, e.ActivityScheduled):
            run.scheduled[event.step] = event
            self.books.scheduled.add((run_id, event.step))
            return
        if event.step in run.outcomes or event.step not in run.scheduled:
            self._fail(record, f"a second or unasked outcome of step {event.step} of {run.workflow_id}")
        run.outcomes[event.step] = event

    def _on_child(self, record: Record, run: Run, run_id: str, event: e.ChildEnded) -> None:
        """A child's end reaches its parent once, and not before it is durable."""
        self.marks["child ended"] += 1
        if run.children.get(event.step, event) is not None:
            self._fail(record, f"a second or unasked end of child {event.step} of {run.workflow_id}")
        run.children[event.step] = event
        known = [*self.runs.values(), *(retired for _, retired in self._retired)]
        ends = [child.terminal for child in known if child.parent == (run_id, event.step)]
        if event.status != "refused" and not any(end and not isinstance(end, e.RunContinued) for end in ends):
            self._fail(record, f"the end of child {event.step} of {run.workflow_id} was told before it was durable")

    def _on_reply(self, record: Record) -> None:
        assert record.value is not None
        found = decode(record.value)
        assert isinstance(found, Reply)
        self._told.add((found.request_id, found.kind))
        self.ids.answered(found)
        self.talk.answered(found)
        if found.kind == "closed":
            known = [*((run_id, run) for (_, run_id), run in self.runs.items()), *self._retired]
            ended = any(run_id == found.run_id and run.terminal is not None for run_id, run in known)
            if not ended:
                self._fail(record, f"the end of {found.workflow_id} was told before it was durable")
            told = self._closed_replies.setdefault(found.run_id, (found.status, found.result))
            if told != (found.status, found.result):
                self._fail(record, f"two ends of {found.workflow_id} were told")
        elif found.kind == "refused" and found.request_id not in self.refused | self.talk.queries:
            self._fail(record, "a refusal was told before it was durable")

    # At the end

    def quarantined(self) -> list[str]:
        """Workflow ids of runs that wait for a person: what nobody expects was raised at them twice."""
        return [run.workflow_id for run in self.runs.values() if run.quarantined and run.terminal is None]

    def gone(self) -> set[str]:
        """Ids of runs that were retired and did not come again."""
        return {run_id for run_id, _ in self._retired} - {run_id for _, run_id in self.runs}

    def finish(self, commands: dict[int, list[Record]]) -> list[str]:
        """Everything that must hold after a quiet period."""
        for records in commands.values():
            for record in records:
                try:
                    found = decode(record.value)
                except UnreadableRecord:
                    continue
                if isinstance(found, StartRun) and found.request_id not in self.accepted:
                    self._check_lost(record, found)
        self.ids.finish()
        self.talk.finish(self.refused)
        self.cancels.finish(self.refused)
        self.violations += [f"{value!r} is not in the dead letters" for value in sorted(self.poison)]
        for request_id, kind in self._promised.items():
            if (request_id, kind) not in self._told:
                self.violations.append(f"{request_id} was never answered ({kind})")
        known = [*((run_id, run) for (_, run_id), run in self.runs.items()), *self._retired]
        books = ChainBooks(self.books, self.violations, self.marks, known)
        for run_id, run in known:
            if run.terminal is None:
                self.violations.append(f"{run.workflow_id} ({run_id}) never ended")
            else:
                books.check(run_id, run)
        return self.violations + self.books.violations

    def _check_lost(self, record: Record, found: StartRun) -> None:
        runs = [*self.runs.values(), *(run for _, run in self._retired)]
        others = [run for run in runs if run.workflow_id == found.workflow_id]
        if not others and found.request_id not in self.refused:
            self._fail(record, f"the start of {found.workflow_id} was lost")


def commands_of(full: dict[tuple[str, int], list[Record]]) -> dict[int, list[Record]]:
    """The commands topic of every partition."""
    return {partition: records for (topic, partition), records in full.items() if topic == COMMANDS}
