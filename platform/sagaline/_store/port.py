"""The state port: one sorted map of bytes a partition. It is a cache of the log: losing it costs time, not data."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple, Protocol

Writes = Collection[tuple[bytes, bytes | None]]


class StoreUnavailable(Exception):
    """The disk does not take or give rows, e.g. for being full. Nothing is lost: the log has it all."""


class Identity(NamedTuple):
    """What a store belongs to. A store of another identity is wiped and rebuilt from the log."""

    log: str
    namespace: str
    format: int


class Store(Protocol):
    """One partition's rows.

    Contract: whatever is wrong with what is underneath, every method raises StoreUnavailable and nothing else; a scan
    too, in the middle: it never ends early as if there were no more rows.
    """

    def get(self, key: bytes) -> bytes | None:
        """The value at ``key``, or None."""
        ...

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """All rows whose key begins with ``prefix``, in the order of their keys; with ``after``, those behind it.

        Of rows that are written while it goes on it is open whether they are seen.
        """
        ...

    def write(self, writes: Writes) -> None:
        """Writes all of it or, if the process dies, nothing; None as a value deletes. The last write to a key wins."""
        ...

    def close(self) -> None:
        """Lets go of the files. May be called again."""
        ...


class Stores(Protocol):
    """The stores of a worker, in its state directory.

    Contract: all methods may be called from any thread, those of one partition one at a time.
    """

    def open(self, partition: int, identity: Identity) -> Store:
        """The partition's store; an empty one when there is none of this identity, or it is damaged.

        Raises StoreUnavailable, also when the partition's store is open already.
        """
        ...

    def wipe(self, partition: int) -> None:
        """Deletes the partition's store, which must be closed. Raises StoreUnavailable unless it is gone."""
        ...

    def close(self) -> None:
        """Lets go of the directory."""
        ...


def end_of(prefix: bytes) -> bytes | None:
    """The first key behind all that begin with the prefix; None when there is none."""
    rest = prefix.rstrip(b"\xff")
    return rest[:-1] + bytes([rest[-1] + 1]) if rest else None
