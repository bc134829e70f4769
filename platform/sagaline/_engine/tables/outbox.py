"""Messages that are not known to have left, by the record that made them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import msgspec

from sagaline._engine.changes import Changes, Effect

PREFIX = b"o/"
BY_KEY = -1
_KEYS = 5_000


class OutboxRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A message that leaves once the record that made it is durable. ``partition`` is that of its key when it is
    ``BY_KEY``."""

    topic: str
    partition: int
    key: bytes
    value: bytes


class Publish(Effect, frozen=True, gc=False):
    """Send an outbox entry, known by the offset of its record and its number in it."""

    number: tuple[int, int]
    row: OutboxRow


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(OutboxRow).decode


def outbox_key(offset: int, number: int) -> bytes:
    """Key of an outbox entry: by the offset of the record that made it, for that is the same in every replay."""
    return b"o/%016x/%08x" % (offset, number)


def outbox_of(key: bytes) -> tuple[int, int]:
    """Offset and number of an outbox entry's key."""
    _, offset, number = key.split(b"/")
    return int(offset, 16), int(number, 16)


class Outbox:
    """``released``: the messages of records below this offset have left.

    Of the rows that are there the keys of the first ``bound`` are in memory, those behind in the store.
    """

    def __init__(self, changes: Changes, released: int, bound: int = _KEYS) -> None:
        self._changes, self._bound = changes, bound
        self._keys: deque[tuple[int, bytes]] = deque()  # with the offsets of their records
        self._behind: bytes | None = b""  # the store may hold more behind this key; None: all are known
        self.released = released

    def messages(self, after: tuple[int, int] | None = None) -> Iterator[Publish]:
        """Every message that is not known to have left, in order, lazily; with ``after``, those behind."""
        start = b"" if after is None else outbox_key(*after)
        for key, data in self._changes.scan(PREFIX, start):
            yield Publish(outbox_of(key), _decode(data))

    def oldest_offset(self) -> int | None:
        """Offset of the record of the oldest message whose row is still there."""
        if not self._keys and self._behind is not None:
            self._load()
        return self._keys[0][0] if self._keys else None

    def entry(self, offset: int, number: int, row: OutboxRow) -> tuple[bytes, bytes]:
        """Key and value of the row of a message whose record stands at ``offset``.

        Contract: offsets and numbers increase, and the row is written before anything else is asked.
        """
        key = outbox_key(offset, number)
        if self._behind is None:
            self._keys.append((offset, key))
            if len(self._keys) >= self._bound:
                self._behind = key
        return key, _encode(row)

    def release(self, released: int) -> None:
        """Messages of records below ``released`` have left: their rows go."""
        if released <= self.released:
            return
        while (oldest := self.oldest_offset()) is not None and oldest < released:
            self._changes.put(self._keys.popleft()[1], None)
        self.released = released

    def _load(self) -> None:
        for key, _ in self._changes.scan(PREFIX, self._behind or b""):
            self._keys.append((outbox_of(key)[0], key))
            if len(self._keys) >= self._bound:
                self._behind = key
                return
        self._behind = None
