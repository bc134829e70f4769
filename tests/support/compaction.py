"""What a broker's log cleaner may leave of a topic at any moment."""

from __future__ import annotations

from collections.abc import Sequence

from sagaline._log import Record


def compacted(records: Sequence[Record], below: int, dropped_below: int) -> list[Record]:
    """Below offset ``below`` only the newest record of a key is left, and tombstones below ``dropped_below`` are gone.

    Which of two records of a key is the newest is decided within that part: the rest has not been cleaned yet.
    """
    newest = {record.key: record.offset for record in records if record.offset < below}
    return [
        record
        for record in records
        if record.offset >= below
        or (newest[record.key] == record.offset and not (record.value is None and record.offset < dropped_below))
    ]
