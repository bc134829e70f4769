"""Changes of a workflow's code that runs in flight must not see: each asks once, and its history keeps the answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sagaline._model.events import Event, PatchMarked
from sagaline._model.limits import PATCHES
from sagaline.errors import ConfigurationError


class Patches:
    """The patches of one run. ``marked`` are those in its history so far, ``current`` those of the activation that is
    being replayed: they stand before everything else that it asked for, so they are known before its code runs."""

    __slots__ = ("answers", "current", "deprecated", "marked")

    def __init__(self) -> None:
        self.answers: dict[str, bool] = {}
        self.marked: set[str] = set()
        self.current: frozenset[str] = frozenset()
        self.deprecated: set[str] = set()

    def replaying(self, markers: Iterable[PatchMarked]) -> None:
        """An activation with these markers is replayed next."""
        self.current = frozenset(marker.patch for marker in markers)
        self.marked |= self.current

    def answer(self, patch: str, is_replaying: bool) -> bool:
        """Whether the run has the patch; True for the first time outside of replay. Raises ConfigurationError."""
        if len(self.answers) >= PATCHES:
            raise ConfigurationError(
                f"Expected at most {PATCHES} patches in a workflow but {patch!r} is one more: remove old ones "
                f"(`sagaline patches` says which)."
            )
        answer = self.answers[patch] = not is_replaying or patch in self.marked
        if answer:
            self.marked.add(patch)
        return answer

    def unasked(self, recorded: Sequence[PatchMarked], asked: Iterable[Event]) -> int | None:
        """The index of the first marker that history has and this code should have asked for and has not.

        A deprecated marker says that the code may forget the patch; so does code that deprecates it elsewhere.
        """
        asked_for = {command.patch for command in asked if isinstance(command, PatchMarked)} | self.deprecated
        for index, marker in enumerate(recorded):
            if not marker.deprecated and marker.patch not in asked_for:
                return index
        return None


def markers_of(commands: Sequence[Event]) -> list[PatchMarked]:
    """The markers among the commands of an activation: its first ones."""
    markers: list[PatchMarked] = []
    for command in commands:
        if not isinstance(command, PatchMarked):
            break
        markers.append(command)
    return markers
