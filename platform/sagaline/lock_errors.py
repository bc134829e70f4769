"""Why a run has not got a lock, or has it no more. Let out, each fails the run; a saga rolls back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sagaline._model.locks import Edge, asked_by
from sagaline.errors import FailureError

__all__ = ["DeadlockError", "LockError", "LockHeld", "LockLost", "LockQueueFull", "LockTimeout"]


class LockError(FailureError):
    """Base of them. ``lock`` is its name."""

    def __init__(self, lock: str, message: str) -> None:
        super().__init__(message)
        self.lock = lock


class LockHeld(LockError):
    """Somebody has it, and ``wait=False`` says not to wait. ``held_by`` is the workflow id, ``since`` since when."""

    def __init__(self, lock: str, held_by: str, since_ms: int) -> None:
        self.held_by, self.since = held_by, datetime.fromtimestamp(since_ms / 1_000, UTC)
        super().__init__(
            lock, f"Expected lock {lock!r} to be free but {held_by} holds it since {self.since:%F %T} UTC."
        )


class LockQueueFull(LockError):
    """As many runs wait for it as may. ``held_by`` is the workflow id of the holder."""

    def __init__(self, lock: str, held_by: str) -> None:
        self.held_by = held_by
        text = f"Expected room in the queue of lock {lock!r}, which {held_by} holds, but it is full. Try again later."
        super().__init__(lock, text)


class LockTimeout(LockError):
    """It was not free within ``wait``."""

    def __init__(self, lock: str, wait_s: float) -> None:
        super().__init__(lock, f"Expected lock {lock!r} within {wait_s:g} s but it was not free by then.")


class LockLost(LockError):
    """Its lease was over, and somebody else waited for it; or a person has ended it. What is done under its fencing
    token from then on is refused by participants that have seen a newer one."""

    def __init__(self, lock: str, why: str) -> None:
        super().__init__(lock, f"Expected to hold lock {lock!r} but {why}.")


class DeadlockError(LockError):
    """Runs wait for each other in a circle, and this one, whose request is the youngest, gives way: as a saga it undoes
    what it has done, and lets go of its locks. ``cycle``: workflow ids and the locks they wait for, in order."""

    def __init__(self, lock: str, edges: Sequence[Edge]) -> None:
        self.cycle = tuple((asked_by(edge.request), edge.lock) for edge in reversed(edges))
        waits = ", ".join(f"{who} waits for {name!r}" for who, name in self.cycle)
        super().__init__(lock, f"Expected an end of waiting for lock {lock!r} but all wait for each other: {waits}.")
