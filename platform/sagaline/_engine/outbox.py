"""Messages that leave once the record that made them is durable: their rows, in the order of the records."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import msgspec

from sagaline._engine import rows
from sagaline._engine.effects import Publish
from sagaline._engine.overlay import Overlay
from sagaline._engine.rows import OutboxRow

_KEYS = 5_000
_decode = msgspec.msgpack.Decoder(OutboxRow).decode


class OutboxKeys:
    """The keys of messages whose rows are there: the first of them in memory, those behind in the store."""

    def __init__(self, overlay: Overlay, most: int = _KEYS) -> None:
        self._rows, self._most = overlay, most
        self._keys: deque[tuple[int, bytes]] = deque()  # with the offsets of their records
        self._behind: bytes | None = b""  # the store may hold more behind this key; None: all are known

    @property
    def oldest(self) -> int | None:
        """Offset of the record of the oldest message."""
        if not self._keys and self._behind is not None:
            self._load()
        return self._keys[0][0] if self._keys else None

    def add(self, offset: int, key: bytes) -> None:
        """A row is new. Contract: keys increase, and the store shows the row before ``oldest`` is asked for."""
        if self._behind is None:
            self._keys.append((offset, key))
            if len(self._keys) >= self._most:
                self._behind = key

    def below(self, offset: int) -> Iterator[bytes]:
        """Takes the keys of messages of records below ``offset``: their rows are deleted."""
        while (oldest := self.oldest) is not None and oldest < offset:
            yield self._keys.popleft()[1]

    def _load(self) -> None:
        for key, _ in self._rows.scan(rows.OUTBOX_PREFIX, self._behind or b""):
            self._keys.append((rows.outbox_of(key)[0], key))
            if len(self._keys) >= self._most:
                self._behind = key
                return
        self._behind = None


def stored_messages(overlay: Overlay, after: tuple[int, int] | None) -> Iterator[Publish]:
    """Every message whose row is there, behind the one of that number; lazily."""
    start = b"" if after is None else rows.outbox_key(*after)
    for key, data in overlay.scan(rows.OUTBOX_PREFIX, start):
        yield Publish(rows.outbox_of(key), _decode(data))
