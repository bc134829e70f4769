"""Records that are acknowledged become the state: their rows count from now on, then their effects are released."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sagaline._engine.effects import Effect, Publish
from sagaline._engine.meta import Meta
from sagaline._host import crash_points
from sagaline._host.partition.lost import Kind, Lost, in_doubt
from sagaline._host.partition.pipeline import Pending
from sagaline._host.partition.progress import Progress
from sagaline._host.partition.rows import Rows
from sagaline._host.recovery.foreign import read_foreign
from sagaline._log import Record

Release = Callable[[Sequence[Publish], Sequence[list[Effect]]], None]
Unreadable = Callable[[Record, str], None]


class Applying:
    """The sink of the pipeline. ``on_tidy`` hears that rows have changed which call for tombstones."""

    def __init__(
        self,
        epoch: int,
        rows: Rows,
        progress: Progress,
        release: Release,
        on_unreadable: Unreadable,
        on_tidy: Callable[[], None],
    ) -> None:
        self._epoch, self._rows, self._progress = epoch, rows, progress
        self._release, self._on_unreadable, self._on_tidy = release, on_unreadable, on_tidy

    def apply(self, offset: int, acknowledged: Sequence[Pending]) -> None:
        """The records from ``offset`` on are durable."""
        if crash_points.armed:
            crash_points.reach("before-apply")
        rows = self._rows
        gather, settle = rows.acknowledged.gather, rows.overlay.settle
        messages: list[Publish] = []
        for number, pending in enumerate(acknowledged):
            gather(pending.writes)
            settle(pending.writes)
            if pending.offset_rows is not None:
                writes, of_record = rows.decided.rows_at(offset + number, pending.offset_rows)
                gather(writes)
                messages += of_record
        last = acknowledged[-1]
        meta = Meta(self._progress.next_offset, self._epoch, *last.watermarks)
        rows.acknowledged.reached(meta, last.sent_at_ms)
        self._release(messages, [pending.effects for pending in acknowledged])

    def apply_foreign(self, records: Sequence[Record]) -> Lost | None:
        """Records of somebody else, below an append of ours; the reason when the partition is lost by them."""
        acknowledged = self._rows.acknowledged
        foreign = read_foreign(acknowledged, acknowledged.meta, records, self._on_unreadable)
        if foreign.decided:
            return in_doubt("it is in the log without its acknowledgement")
        if foreign.meta.epoch != self._epoch:
            return Lost(Kind.SUPERSEDED, f"another worker has claimed it at offset {foreign.meta.epoch}")
        if not foreign.only_invalid:  # what is in flight was decided without it
            return Lost(Kind.HISTORY, "an earlier owner's tombstones have landed behind its claim")
        acknowledged.gather(foreign.writes)
        acknowledged.reached(foreign.meta, acknowledged.current_at_ms)
        self._on_tidy()
        return None
