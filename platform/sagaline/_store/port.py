"""The state port: one sorted map of bytes a partition. It is a cache of the log: losing it costs time, not data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

Writes = Sequence[tuple[bytes, bytes | None]]


class StoreUnavailable(Exception):
    """The disk does not take or give rows, e.g. for being full. Nothing is lost: the log has it all."""


class Identity(NamedTuple):
    """What a store belongs to. A store of another identity is wiped and rebuilt from the log."""

    log: str
    namespace: str
    format: int


class Store(Protocol):
    """One partition's rows."""

    def get(self, key: bytes) -> bytes | None:
        """The value at ``key``, or None."""
        ...

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """All rows whose key begins with ``prefix``, in the order of their keys; with ``after``, those behind it."""
        ...

    def write(self, writes: Writes) -> None:
        """Writes all of it or, if the process dies, nothing; None as a value deletes. The last write to a key wins.

        Raises StoreUnavailable.
        """
        ...

    def close(self) -> None:
        """Lets go of the files."""
        ...


class Stores(Protocol):
    """The stores of a worker, in its state directory."""

    def open(self, partition: int, identity: Identity) -> Store:
        """The partition's store; an empty one when there is none of this identity, or it is damaged.

        Raises StoreUnavailable.
        """
        ...

    def wipe(self, partition: int) -> None:
        """Deletes the partition's store, which must be closed."""
        ...

    def close(self) -> None:
        """Lets go of the directory."""
        ...
