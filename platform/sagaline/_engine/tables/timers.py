"""The index of due times: timers of workflow code and of retries, the earliest first."""

from __future__ import annotations

from collections.abc import Iterator

from sagaline._engine.changes import Changes, Effect

PREFIX = b"t/"


def timer_key(due_at: int, run_id: str, step: int) -> bytes:
    """Key in the index; its value is the workflow id."""
    return b"t/%016x/%b/%08x" % (due_at, run_id.encode(), step)


def timer_of(key: bytes) -> tuple[int, str, int]:
    """Due time, run id and step of a key."""
    _, due_at, run_id, step = key.split(b"/")
    return int(due_at, 16), run_id.decode(), int(step, 16)


class SetTimer(Effect, frozen=True, order=True, gc=False):
    """Report a timer when its time has come."""

    due_at: int
    workflow_id: str
    run_id: str
    step: int


class Timers:
    """Written by the tables of activities and of waits."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def put(self, due_at: int, workflow_id: str, run_id: str, step: int) -> None:
        """Something is due at ``due_at``, in milliseconds since 1970."""
        self._changes.put(timer_key(due_at, run_id, step), workflow_id.encode())

    def drop(self, due_at: int, run_id: str, step: int) -> None:
        """It has come, or is needed no more."""
        self._changes.put(timer_key(due_at, run_id, step), None)

    def behind(self, key: bytes) -> Iterator[tuple[bytes, SetTimer]]:
        """Every timer behind a key of the index (``b""``: all), the earliest first."""
        for row_key, value in self._changes.scan(PREFIX, key):
            due_at, run_id, step = timer_of(row_key)
            yield row_key, SetTimer(due_at, value.decode(), run_id, step)
