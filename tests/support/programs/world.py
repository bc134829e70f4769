"""What the engine would know of a run, and what happens to it next, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from programs.generate import Generator
from sagaline._model import events as e
from sagaline._model.events import Event
from sagaline._model.failure import Failure

NOTHING = e.AttributesGiven(b"", ())
_ENDS = ["completed", "completed", "failed", "compensated", "cancelled", "terminated"]


@dataclass
class World:
    """Open activities, timers, children (by step, and whether each has begun), the time, and how the run ended."""

    draw: random.Random
    now_ms: int = 1_764_086_400_000
    open: list[e.ActivityScheduled] = field(default_factory=list)
    timers: dict[int, int] = field(default_factory=dict)
    children: dict[int, bool] = field(default_factory=dict)
    messages: int = 0
    cancelled: bool = False
    end: str = ""
    given: e.AttributesGiven = NOTHING
    """The run's memo and search attributes, as they are."""
    continued: list[Event] = field(default_factory=list)
    """With what the next run of the chain begins."""

    def note(self, commands: Sequence[object]) -> None:
        """What the code has asked for."""
        for command in commands:
            if isinstance(command, e.ActivityScheduled):
                self.open.append(command)
            elif isinstance(command, e.TimerStarted):
                self.timers[command.step] = command.due_at
            elif isinstance(command, e.TimerCancelled):
                self.timers.pop(command.step, None)
            elif isinstance(command, e.ChildRequested):
                self.children[command.step] = False
            elif isinstance(command, e.MemoChanged):
                self.given = e.AttributesGiven(command.memo, self.given.search_attributes)
            elif isinstance(command, e.SearchAttributesChanged):
                self.given = e.AttributesGiven(self.given.memo, command.search_attributes)
            elif isinstance(command, e.LedgerCarried):
                self.continued.append(e.LedgerInherited(command.steps, command.ledger))
            elif isinstance(command, e.RunContinued):
                self.continued += [e.RunStarted("", command.input, "q", "", 0, "", "before"), self.given]
                self.end = "RunContinued"
            elif isinstance(command, e.RunCompleted | e.RunCancelled | e.RunFailed):
                self.end = type(command).__name__

    def next_jobs(self) -> list[Event]:
        """What happens next, several things at once sometimes; nothing when the run waits for itself alone."""
        jobs: list[Event] = []
        for _ in range(self.draw.choice([1, 1, 1, 2, 3])):
            if self.children and (self.draw.random() < 0.3 or not (self.open or self.timers)):
                jobs.append(self._of_child(self.draw.choice(list(self.children))))
            elif self.open and (not self.timers or self.draw.random() < 0.7):
                jobs.append(self._outcome(self.open.pop(self.draw.randrange(len(self.open)))))
            elif self.timers:
                step = min(self.timers, key=lambda number: (self.timers[number], number))
                self.now_ms = max(self.now_ms, self.timers.pop(step))
                jobs.append(e.TimerFired(step))
        while self.draw.random() < 0.15:
            self.messages += 1
            jobs.append(e.SignalReceived(f"request {self.messages}", "ticks", b"[%d]" % self.messages))
        if not self.cancelled and self.draw.random() < 0.02:
            self.cancelled = True
            jobs.append(e.CancelRequested("enough", "somebody"))
        return jobs

    def next_messages(self) -> list[e.SignalReceived | e.UpdateAccepted]:
        """Programs for a run that has handlers. An update is accepted if its validator says so."""
        messages: list[e.SignalReceived | e.UpdateAccepted] = []
        while self.draw.random() < 0.2:
            self.messages += 1
            body = msgspec.json.encode([Generator(self.draw).body(2, 2)])
            if self.draw.random() < 0.5:
                messages.append(e.UpdateAccepted(f"update {self.messages}", "perform", body))
            else:
                messages.append(e.SignalReceived(f"request {self.messages}", "nudge", body))
        return messages

    def _of_child(self, step: int) -> Event:
        if not self.children[step] and self.draw.random() < 0.6:
            self.children[step] = True
            return e.ChildBegan(step, f"run of {step}")
        has_begun = self.children.pop(step)
        status = self.draw.choice(_ENDS) if has_begun else self.draw.choice([*_ENDS, "refused"])
        if status == "completed":
            return e.ChildEnded(step, status, b'"%d"' % step)
        return e.ChildEnded(step, status, None, Failure("Broken", f"it {status}", retryable=False))

    def _outcome(self, activity: e.ActivityScheduled) -> Event:
        step = activity.step
        if activity.compensates:
            return e.ActivityCompleted(step, 1, b"null")
        if self.draw.random() < 0.85:
            return e.ActivityCompleted(step, 1, b'"%d"' % step)
        return e.ActivityFailed(step, 1, Failure("Broken", "it broke", retryable=False, clean=self.draw.random() < 0.5))
