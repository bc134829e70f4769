"""Reads what somebody else has written below an owner's appends: zombies, late tombstones, or another claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sagaline._engine.meta import Meta
from sagaline._engine.overlay import Overlay, Rows, Writes
from sagaline._engine.reader import HistoryReader
from sagaline._engine.state import State
from sagaline._engine.tables import invalid
from sagaline._log import Record
from sagaline._model.codec import UnreadableRecord


class Foreign(NamedTuple):
    """What came of it. ``decided``: a valid record of the owner's own epoch is among it."""

    decided: bool
    writes: Writes
    meta: Meta

    @property
    def only_invalid(self) -> bool:
        """True when nothing but notes about invalid records has changed."""
        return all(key.startswith(invalid.PREFIX) for key in self.writes)


def read_foreign(
    rows: Rows, meta: Meta, records: Sequence[Record], on_unreadable: Callable[[Record, str], None]
) -> Foreign:
    """Applies the records to a copy; nothing of ``rows`` changes."""
    state = State(Overlay(rows), meta, cached_runs=0)
    reader = HistoryReader(state, meta)
    for record in records:
        try:
            if reader.read(record.offset, record.key, record.value) is not None:
                return Foreign(True, {}, reader.meta)
        except UnreadableRecord as error:
            on_unreadable(record, str(error))
    return Foreign(False, state.drain_writes(), reader.meta)
