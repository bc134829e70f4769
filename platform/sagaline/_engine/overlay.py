"""Rows that are decided but not yet acknowledged, over the rows that are stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from sagaline._engine.sorted_rows import SortedRows

Writes = dict[bytes, bytes | None]
"""Rows by key; None deletes."""


class Rows(Protocol):
    """Sorted bytes to bytes, as the stores give them."""

    def get(self, key: bytes) -> bytes | None:
        """The value at ``key``, or None."""
        ...

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """All rows whose key begins with ``prefix``, in the order of their keys; with ``after``, those behind it."""
        ...


class Overlay:
    """Reads see the newest write; ``settle`` forgets writes that have reached the rows below."""

    def __init__(self, below: Rows) -> None:
        self._below = below
        self._above: SortedRows[bytes | None] = SortedRows()
        self.add = self._above.by_key.update  # writes rows; None deletes
        self.settle = self._above.settle  # these are stored now: a newer write to the same key stays above

    def get(self, key: bytes) -> bytes | None:
        """The newest value at ``key``, or None."""
        above = self._above.by_key
        if key in above:
            return above[key]
        return self._below.get(key)

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """The same, as of now; lazily, for there may be a million."""
        above = self._above.scan(prefix, after)
        below = self._below.scan(prefix, after)
        return _merged(above, below) if above else below

    def clear(self) -> None:
        """All writes are stored now."""
        self._above.clear()


def _merged(
    above: Iterable[tuple[bytes, bytes | None]], below: Iterator[tuple[bytes, bytes]]
) -> Iterator[tuple[bytes, bytes]]:
    """Two sorted sequences as one; of two rows with the same key the one above counts."""
    row = next(below, None)
    for key, value in above:
        while row is not None and row[0] < key:
            yield row
            row = next(below, None)
        if row is not None and row[0] == key:
            row = next(below, None)
        if value is not None:
            yield key, value
    while row is not None:
        yield row
        row = next(below, None)
