"""What the code has asked for in an activation, in the order in which it asked."""

from __future__ import annotations

from sagaline._model.events import Command
from sagaline._runtime.bugs import Evicted
from sagaline._runtime.loop import caller


class Commands:
    """``listed`` are the commands of the running activation; ``places``, kept in replay alone, where each was made."""

    __slots__ = ("closed", "is_replaying", "listed", "places")

    def __init__(self) -> None:
        self.listed: list[Command] = []
        self.places: list[str] = []
        self.is_replaying = False
        self.closed = False

    def begin(self) -> None:
        """A new activation."""
        self.listed = []
        self.places = []

    def add(self, command: Command) -> None:
        """Raises Evicted when nothing counts any more."""
        if self.closed:
            raise Evicted
        self.listed.append(command)
        if self.is_replaying:
            self.places.append(caller())
