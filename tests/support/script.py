"""Drives a workflow instance as the host would, and keeps the history that it makes. With activities to call."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

from sagaline import activity
from sagaline._model import events as e
from sagaline._model.events import Command, Event
from sagaline._model.failure import Failure
from sagaline._model.records import History
from sagaline._runtime.definitions import Registry
from sagaline._runtime.flags import CURRENT
from sagaline._runtime.instance import Instance
from sagaline._runtime.jobs import JOBS
from sagaline._runtime.replaying import replay
from sagaline._runtime.run import RunInfo
from sagaline._runtime.setup import Bounds, Setup


@activity
async def fetch(name: str) -> str:
    """Has no compensation."""
    return name


@activity
async def store(name: str) -> str:
    """Is undone by ``remove``."""
    return name


@store.compensation
async def remove(name: str, stored: str | None) -> None:
    """Undoes ``store``."""


ACTIVITIES = [fetch.definition, store.definition]


def setup_of(code: Any, **options: Any) -> Setup:
    """What a worker with this workflow and the activities above has."""
    return Setup(Registry([code.definition], ACTIVITIES), **options)


class Script:
    """A run and its history. ``flags``: those of its first record. ``rebuilds``: no instance is kept in memory. ``given``: with
    its start."""

    def __init__(
        self,
        code: Any,
        arguments: bytes = b"[]",
        *,
        flags: tuple[int, ...] = CURRENT,
        setup: Setup | None = None,
        bounds: Bounds | None = None,
        rebuilds: bool = False,
        given: tuple[Event, ...] = (),
    ) -> None:
        self.setup = setup or setup_of(code, **({} if bounds is None else {"bounds": bounds}))
        self.flags, self.rebuilds = flags, rebuilds
        self.instance = Instance(RunInfo(code.definition, "w", "r", flags), self.setup)
        self.history: list[History] = []
        self.now_ms = 1_000
        self.commands: list[Command] = []
        self.step(e.RunStarted(code.name, arguments, "q", "", 0, ""), *given)

    def step(self, *jobs: Event, after_ms: int = 1) -> list[Command]:
        """One activation; returns the commands."""
        self.now_ms += after_ms
        if self.rebuilds and self.history:
            self.instance.evict()
            self.instance = replay(self.setup, self.history).instance
        self.commands = self.instance.activate(jobs, self.now_ms)
        self.record(*jobs, *self.commands)
        return self.commands

    def record(self, *recorded: Event) -> None:
        """A record of history that no activation has made."""
        last = self.history[-1] if self.history else None
        first = 1 if last is None else last.first_event_id + len(last.events)
        flags = () if self.history else self.flags
        self.history.append(
            History(0, self.now_ms, "w", self.instance.info.run_id, first, 0, 0, 0, flags, False, recorded)
        )

    def done(self, step: int, result: bytes = b'"ok"') -> list[Command]:
        """An activity has completed."""
        return self.step(e.ActivityCompleted(step, 1, result))

    def fails(self, step: int, type: str = "Broken", clean: bool = False) -> list[Command]:
        """An activity has failed for good."""
        return self.step(e.ActivityFailed(step, 1, Failure(type, "it broke", retryable=False, clean=clean)))

    def check_replay(self) -> None:
        """At every prefix the code asks for the same again, and a rebuilt instance goes on as the one in memory did."""
        for end in range(1, len(self.history) + 1):
            replayed = replay(self.setup, self.history[:end])
            assert replayed.unwritten == []
            assert replayed.pending == []
            if end < len(self.history):
                following = self.history[end]
                jobs = [event for event in following.events if type(event) in JOBS]
                commands = [event for event in following.events if type(event) in e.COMMANDS]
                assert replayed.instance.activate(jobs, following.at) == commands
            replayed.instance.evict()
        gc.collect()  # what was left unclosed would say so now


def names(commands: Sequence[Event]) -> list[str]:
    """Activities by their name, other events by that of their type."""
    return [event.activity if isinstance(event, e.ActivityScheduled) else type(event).__name__ for event in commands]


def result(commands: Sequence[Command]) -> bytes:
    """The result of a run that has completed."""
    last = commands[-1]
    if not isinstance(last, e.RunCompleted):
        raise AssertionError(f"Expected the run to complete but it asks for {commands}.")
    return last.result
