"""What the code has asked for in an activation, in the order in which it asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sagaline._model.events import Command, Event, PatchMarked, SideEffectRecorded
from sagaline._runtime.bugs import ActivationTooLarge, ChangedByLook, NotInHistory
from sagaline._runtime.frames import caller
from sagaline._runtime.patches import Patches, markers_of
from sagaline._runtime.setup import Bounds


class Recorded(NamedTuple):
    """What history has of an activation. ``is_cut``: not all of it; what is missing is decided anew, and recorded."""

    commands: Sequence[Event]
    is_cut: bool


class Commands:
    """``listed`` are the commands of the running activation; ``places``, kept in replay alone, where each was made.

    ``recorded`` are, in replay, those that history has of it.
    When ``closed``, the instance is evicted: what its code asks for on its way out is dropped.
    """

    __slots__ = ("_bounds", "broken", "closed", "input_bytes", "listed", "patches", "places", "reading", "recorded")

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.input_bytes = 0
        self.listed: list[Command] = []
        self.places: list[str] = []
        self.recorded: Recorded | None = None
        self.closed = False
        self.reading = False  # a query or a validator is at work
        self.broken: ActivationTooLarge | NotInHistory | None = None  # whatever the code has made of it
        self.patches: Patches | None = None  # those of a run that has none cost nothing

    @property
    def is_replaying(self) -> bool:
        """True while history is replayed."""
        return self.recorded is not None

    def begin(self) -> None:
        """An activation begins."""
        self.listed, self.input_bytes = [], 0
        if self.recorded is not None:
            self.places = []

    def add(self, command: Command, input_bytes: int = 0) -> None:
        """Raises ActivationTooLarge."""
        if self.closed:
            self.check_reading("ask for an activity or a timer")
            return
        self.input_bytes += input_bytes
        if len(self.listed) >= self._bounds.commands or self.input_bytes > self._bounds.input_bytes:
            raise self._break()
        self.listed.append(command)
        if self.recorded is not None:
            self.places.append(caller(2))  # of the two that ask: this one, and the loop's method

    def patched(self, patch: str, deprecated: bool) -> bool:
        """Whether the run has a patch. The first answer stays, and is in history when it is yes."""
        self.check_reading("ask for a patch")
        patches = self.patches = self.patches or Patches()
        if deprecated:
            patches.deprecated.add(patch)
        answer = patches.answers.get(patch)
        if answer is None:
            answer = patches.answer(patch, self.is_replaying)
            if answer and (not self.is_replaying or patch in patches.current) and not self.closed:
                at = len(markers_of(self.listed))
                self.listed.insert(at, PatchMarked(patch, deprecated))
                if self.is_replaying:
                    self.places.insert(at, caller())
        return answer

    def recorded_effect(self, step: int, name: str) -> SideEffectRecorded | None:
        """What history has of a side effect; None when it is to run. Raises NotInHistory."""
        if self.recorded is None:
            return None
        for event in self.recorded.commands:
            if isinstance(event, SideEffectRecorded) and event.step == step:
                if event.name == name:
                    return event
                break
        else:
            if self.recorded.is_cut:
                return None
        self.add(SideEffectRecorded(step, name, b""))  # what history is compared with
        self.broken = self.broken or NotInHistory()
        raise self.broken

    def check_reading(self, what: str) -> None:
        """Raises ChangedByLook in a query or a validator."""
        if self.reading:
            raise ChangedByLook(f"Expected code that only looks to change nothing but it tries to {what} ({caller()}).")

    def _break(self) -> ActivationTooLarge:
        if self.input_bytes > self._bounds.input_bytes:
            broken = ActivationTooLarge("bytes of arguments", self._bounds.input_bytes, caller())
        else:
            broken = ActivationTooLarge("activities and timers", self._bounds.commands, caller())
        self.broken = broken
        return broken
