"""Open runs that an owner looks at when it starts: those cut off within an activation, and parked ones."""

from __future__ import annotations

from collections.abc import Iterator

from sagaline._engine.changes import Changes
from sagaline._model.records import PARKED

PREFIX = b"u/"
CUT_OFF = "cut off"


def attention_key(kind: str, workflow_id: str) -> bytes:
    """Key of a run that needs attention; ``kind``: ``CUT_OFF`` or ``PARKED``. Its value is empty."""
    return b"u/%b/%b" % (kind.encode(), workflow_id.encode())


class Attention:
    """By kind and workflow id, for only the newest run of an id is open. Written by the table of runs."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def cut_off(self) -> Iterator[str]:
        """Workflow ids of runs with an activation that is not all written."""
        return self._of(CUT_OFF, b"")

    def parked(self, after: str | None = None) -> Iterator[str]:
        """Workflow ids of runs that are parked or held, in order and lazily; those behind ``after``."""
        return self._of(PARKED, b"" if after is None else attention_key(PARKED, after))

    def move(self, workflow_id: str, before: str, kind: str) -> None:
        """A run needs attention of another kind than before; "" is none."""
        if before:
            self._changes.put(attention_key(before, workflow_id), None)
        if kind:
            self._changes.put(attention_key(kind, workflow_id), b"")

    def _of(self, kind: str, after: bytes) -> Iterator[str]:
        prefix = attention_key(kind, "")
        return (key[len(prefix) :].decode() for key, _ in self._changes.scan(prefix, after))
