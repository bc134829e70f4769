"""In which order the steps of a saga are undone: one rule, for the rollback and for its preview."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from sagaline._model.limits import UNDONE_AT_A_TIME


class Undoable(Protocol):
    """A step to undo.

    ``number`` counts steps in the order in which they started; ``ended_at`` is the number of the last step that had
    started when this one ended. ``parallel``: it may be undone beside those that ran beside it, at most ``limit`` at a
    time (0: as many as ``UNDONE_AT_A_TIME``).
    """

    @property
    def number(self) -> int: ...
    @property
    def ended_at(self) -> int: ...
    @property
    def parallel(self) -> bool: ...
    @property
    def limit(self) -> int: ...


U = TypeVar("U", bound=Undoable)


def batches(steps: Sequence[U]) -> list[list[U]]:
    """The steps, given in the order of their start, in reverse; those in one list may be undone at the same time.

    Steps that ran at the same time, directly or by a chain of others that did, are one batch if all of them may be
    undone in parallel; else each is one by itself.
    """
    found: list[list[U]] = []
    last = 0  # the last step that began while one of the newest batch ran
    for step in steps:
        beside = found and step.parallel and found[-1][-1].parallel and step.number <= last
        if beside:
            found[-1].append(step)
            last = max(last, step.ended_at)
        else:
            found.append([step])
            last = step.ended_at
    return [batch[::-1] for batch in reversed(found)]


def limit_of(batch: Sequence[Undoable]) -> int:
    """How many of a batch are undone at a time."""
    return min(step.limit or UNDONE_AT_A_TIME for step in batch)
