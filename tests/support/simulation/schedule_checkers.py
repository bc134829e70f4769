"""What must hold of schedules, by the raw topics alone: each due time fires once or is skipped by its policy.

Nothing of the schedules' own code is used but the types of what they keep. When an interval is due is arithmetic.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from sagaline._log import COMMANDS, HISTORY, Record
from sagaline._model import events as e
from sagaline._model.codec import UnreadableRecord, decode
from sagaline._model.records import Claim, History, StartRun
from sagaline._payloads import is_sealed
from sagaline._system.schedules.model import ALLOW_ALL, Plan, State

SCHEDULE, FIRING = "sagaline.schedule", "sagaline.firing"
_ENDS = (e.RunCompleted, e.RunFailed, e.RunCancelled, e.RunTerminated, e.RunReplaced)


class ScheduleChecks:
    """Hears of every record as it lands."""

    def __init__(self, marks: Counter[str]) -> None:
        self.violations: list[str] = []
        self._marks = marks
        self._epochs: dict[int, int] = {}
        self._states: dict[str, State] = {}  # by workflow id of the schedule, as it began
        self._upto_ms: dict[str, int] = {}  # by the same: how far due times were considered
        self._backfills: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()  # firings, by the workflow id of their run
        self._begun: dict[str, Counter[str]] = {FIRING: Counter(), "run": Counter()}
        self._refused: set[str] = set()
        self._children: dict[tuple[str, int], str] = {}  # by run and step: their workflow ids
        self._open: dict[str, str] = {}  # runs that schedules have begun and that have not ended, and of which

    def landed(self, record: Record) -> None:
        """A record is in the log."""
        if record.topic not in (COMMANDS, HISTORY) or record.value is None:
            return
        try:
            found = decode(record.value)
        except UnreadableRecord:
            return
        if isinstance(found, StartRun) and found.workflow == SCHEDULE:
            (self._states[found.workflow_id],) = msgspec.json.decode(found.input, type=tuple[State])
        elif isinstance(found, Claim):
            self._epochs[record.partition] = record.offset
        elif isinstance(found, History) and found.epoch == self._epochs.get(record.partition):
            for event in found.events:
                self._happened(found, event)

    def _happened(self, found: History, event: Any) -> None:
        workflow_id = found.workflow_id
        match event:
            case e.RunStarted():
                self._began(found, event)
            case e.SideEffectRecorded() if workflow_id in self._states:
                self._planned(found, event)
            case e.ChildRequested() if workflow_id.startswith((f"{SCHEDULE}/", f"{FIRING}/")):
                self._children[found.run_id, event.step] = event.child_id
                if event.workflow == FIRING:
                    self._asked[event.child_id.removeprefix(f"{FIRING}/")] += 1
            case e.ChildEnded(status="refused") if (found.run_id, event.step) in self._children:
                self._refused.add(self._children[found.run_id, event.step])
            case _ if isinstance(event, _ENDS):
                self._open.pop(workflow_id, None)

    def _began(self, found: History, event: e.RunStarted) -> None:
        workflow_id = found.workflow_id
        if event.continued_from:
            self._marks["a schedule continues as new"] += event.workflow == SCHEDULE
        elif event.workflow == SCHEDULE:
            self._upto_ms[workflow_id] = found.at
        elif event.workflow == FIRING:
            self._begin(FIRING, workflow_id.removeprefix(f"{FIRING}/"))
        elif event.parent_id.startswith(f"{FIRING}/"):
            self._begin("run", workflow_id)
            schedule = self._schedule_of(workflow_id)
            beside = [run for run, of in self._open.items() if of == schedule]
            if beside and self._states[schedule].definition.overlap != ALLOW_ALL:
                self.violations.append(f"{workflow_id} began beside {beside[0]}")
            self._marks["a run of two at a time"] += bool(beside)
            self._open[workflow_id] = schedule

    def _begin(self, what: str, run: str) -> None:
        """Once, or once for each time that it was offered again."""
        begun = self._begun[what]
        begun[run] += 1
        self._marks["a due time has fired"] += what == "run"
        if begun[run] > 1 + self._backfills[self._schedule_of(run)]:
            self.violations.append(f"{run} began {begun[run]} times ({what})")

    def _schedule_of(self, run: str) -> str:
        return f"{SCHEDULE}/{run.partition('-')[0]}"

    def _planned(self, found: History, event: e.SideEffectRecorded) -> None:
        """Due times are taken up in order, none twice and none left out; those that were missed are too old."""
        schedule = found.workflow_id
        if event.name == "skipped":
            self._marks["due while paused"] += 1
            self._upto_ms[schedule] = max(self._upto_ms[schedule], found.at)
        if event.name == "backfill":
            self._backfills[schedule] += 1
        if event.name != "due" or is_sealed(event.result):
            return
        plan = msgspec.json.decode(event.result, type=Plan)
        definition = self._states[schedule].definition
        (rule,) = definition.rules
        first = self._upto_ms[schedule] - (self._upto_ms[schedule] - rule.offset_ms) % rule.every_ms
        expected = list(range(first + rule.every_ms, plan.upto_ms + 1, rule.every_ms))
        if list(plan.due) != expected[plan.missed :]:
            self.violations.append(f"{schedule}: {plan.due} behind {self._upto_ms[schedule]} where {expected} were due")
        if any(at_ms >= found.at - definition.catch_up_ms for at_ms in expected[: plan.missed]):
            self.violations.append(f"{schedule}: {expected[: plan.missed]} are not too old at {found.at}")
        if any(at_ms > found.at for at_ms in plan.due):
            self.violations.append(f"{schedule}: {plan.due} are not due at {found.at}")
        self._marks["a due time was missed"] += plan.missed
        self._marks["due times caught up"] += len(plan.due) > 1
        self._upto_ms[schedule] = max(self._upto_ms[schedule], plan.upto_ms)

    def finish(self) -> list[str]:
        """What was asked for has begun, or was refused."""
        for run in self._asked:
            if run not in self._begun[FIRING] and f"{FIRING}/{run}" not in self._refused:
                self.violations.append(f"the firing of {run} was lost")
        for run in self._begun[FIRING]:
            if run not in self._begun["run"] and run not in self._refused:
                self.violations.append(f"{run} was to fire and did not")
        return self.violations
