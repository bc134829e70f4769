"""Runs a program live as the engine would, in an order drawn from a seed, and rebuilds it at every activation."""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from script import ACTIVITIES

from programs.generate import Body
from programs.interpret import plain, undoing
from sagaline._model import events as e
from sagaline._model.events import Command, Event
from sagaline._model.failure import Failure
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.definitions import Registry
from sagaline._runtime.flags import CURRENT
from sagaline._runtime.instance import Instance
from sagaline._runtime.run import RunInfo
from sagaline._runtime.setup import Setup

SETUP = Setup(Registry([plain.definition, undoing.definition], ACTIVITIES))
_ACTIVATIONS = 60
_SCOPE = re.compile("cancel scope [0-9a-f]+")
Activation = tuple[Sequence[Event], int, Sequence[object]]


class Divergence(Exception):
    """Replay has asked for something else."""


@dataclass
class World:
    """What the engine knows of the run: open activities, timers, the time, and how it ended."""

    draw: random.Random
    now_ms: int = 1_764_086_400_000
    open: list[e.ActivityScheduled] = field(default_factory=list)
    timers: dict[int, int] = field(default_factory=dict)
    signals: int = 0
    cancelled: bool = False
    end: str = ""

    def note(self, commands: Sequence[object]) -> None:
        """What the code has asked for."""
        for command in commands:
            if isinstance(command, e.ActivityScheduled):
                self.open.append(command)
            elif isinstance(command, e.TimerStarted):
                self.timers[command.step] = command.due_at
            elif isinstance(command, e.TimerCancelled):
                self.timers.pop(command.step, None)
            elif isinstance(command, e.RunCompleted | e.RunCancelled | str):
                self.end = type(command).__name__ if not isinstance(command, str) else "RunFailed"

    def next_jobs(self) -> list[Event]:
        """What happens next, several things at once sometimes; nothing when the run waits for itself alone."""
        jobs: list[Event] = []
        for _ in range(self.draw.choice([1, 1, 1, 2, 3])):
            if self.open and (not self.timers or self.draw.random() < 0.7):
                jobs.append(self._outcome(self.open.pop(self.draw.randrange(len(self.open)))))
            elif self.timers:
                step = min(self.timers, key=lambda number: (self.timers[number], number))
                self.now_ms = max(self.now_ms, self.timers.pop(step))
                jobs.append(e.TimerFired(step))
        while self.draw.random() < 0.15:
            self.signals += 1
            jobs.append(e.SignalReceived(f"request {self.signals}", "ticks", b"[%d]" % self.signals))
        if not self.cancelled and self.draw.random() < 0.02:
            self.cancelled = True
            jobs.append(e.CancelRequested("enough", "somebody"))
        return jobs

    def _outcome(self, activity: e.ActivityScheduled) -> Event:
        step = activity.step
        if activity.compensates:
            return e.ActivityCompleted(step, 1, b"null")
        if self.draw.random() < 0.85:
            return e.ActivityCompleted(step, 1, b'"%d"' % step)
        return e.ActivityFailed(step, 1, Failure("Broken", "it broke", retryable=False, clean=self.draw.random() < 0.5))


def run(body: Body, seed: int) -> int:
    """Runs it to its end; returns a checksum of its history. Raises Divergence."""
    world = World(random.Random(seed))
    code = undoing if world.draw.random() < 0.4 else plain
    jobs: Sequence[Event] = [e.RunStarted(code.name, msgspec.json.encode([body]), "q", "", 0, "")]
    history: list[Activation] = []
    with _instance(code) as live:
        while jobs and not world.end and len(history) < _ACTIVATIONS:
            commands, bug = _activate(live, jobs, world.now_ms)
            with _instance(code) as rebuilt:
                _replay(rebuilt, history)
                again, same_bug = _activate(rebuilt, jobs, world.now_ms)
            if (commands, bug) != (again, same_bug):
                raise Divergence(f"activation {len(history) + 1}: live {commands} {bug}, rebuilt {again} {same_bug}")
            history.append((jobs, world.now_ms, commands))
            world.note(commands)
            world.end = world.end or bug
            world.now_ms += world.draw.randrange(3)
            jobs = world.next_jobs()
    return zlib.crc32(repr((history, world.end)).encode())


@contextmanager
def _instance(code: Any) -> Iterator[Instance]:
    instance = Instance(RunInfo(code.definition, "w", "r", CURRENT), SETUP)
    try:
        yield instance
    finally:
        instance.evict()


def _activate(instance: Instance, jobs: Sequence[Event], at_ms: int) -> tuple[list[object], str]:
    try:
        return _comparable(instance.activate(jobs, at_ms)), ""
    except WorkflowBug as bug:
        return [], f"{bug.reason}: {bug.failure.type}"


def _replay(instance: Instance, history: Sequence[Activation]) -> None:
    for number, (jobs, at_ms, commands) in enumerate(history, 1):
        again = _comparable(instance.replay(jobs, at_ms)[0])
        if again != commands:
            raise Divergence(f"activation {number}: live {commands}, replayed {again}")


def _comparable(commands: Sequence[Command]) -> list[object]:
    """Without the addresses that anyio writes into its cancellations, which may be the cause of a failure."""
    return [
        _SCOPE.sub("cancel scope", repr(command)) if isinstance(command, e.RunFailed) else command
        for command in commands
    ]
