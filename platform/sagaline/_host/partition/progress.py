"""How far one partition has come, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from sagaline._engine.meta import Meta

InputOffsets = tuple[int, int]
"""An offset in the commands topic, and one in the results topic."""

Watermarks = tuple[int, int, int]
"""What a record says: the same two offsets, and the offset of history below which all messages have left. What is
below need not be looked at again."""


@dataclass(slots=True)
class Progress:
    """Each number has one writer, named here; everybody may read all of them. They never go back."""

    consumed: InputOffsets
    """Inputs: next command and next result to be taken."""
    settled: InputOffsets
    """Inputs: what a record may carry. Below it everything is recorded or a durable dead letter."""
    before: InputOffsets | None
    """Inputs: what ``settled`` was before the input that is being handled; None when none is, as when a timer is due:
    records may carry ``settled`` by then, and the next ones must not carry less."""
    recorded: Watermarks
    """Recorder: what the newest record says."""
    next_offset: int
    """Pipeline: next offset of history; everything below is acknowledged and applied."""
    released: int
    """Outbox: whatever records of history below this offset asked to send has left."""
    appended: int = field(default=0)
    """Pipeline: appends that were made."""
    acknowledged: int = field(default=0)
    """Pipeline: appends that were acknowledged in sequence; their rows count."""

    @classmethod
    def begin(cls, meta: Meta) -> Progress:
        """Where the state stands when the partition is claimed."""
        offsets = (meta.commands_position, meta.results_position)
        return cls(offsets, offsets, None, (*offsets, meta.released), meta.next_offset, meta.released)

    @property
    def in_flight(self) -> int:
        """Appends that are not acknowledged."""
        return self.appended - self.acknowledged
