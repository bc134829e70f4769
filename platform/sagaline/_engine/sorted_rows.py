"""Rows in memory that are written often, and now and then scanned in the order of their keys."""

from __future__ import annotations

from typing import Generic, TypeVar

from sortedcontainers import SortedSet

V = TypeVar("V")
_GARBAGE = 1_000


class SortedRows(Generic[V]):
    """Bytes to values. A write costs what a dict's does; a key is sorted in once, when somebody scans.

    So a scan costs what it gives and what is new since the last one, not what there is. ``by_key`` may be read, and
    rows may be deleted from it, by those who call ``tidy`` afterwards.
    """

    def __init__(self) -> None:
        self.by_key: dict[bytes, V] = {}
        self._sorted: SortedSet[bytes] = SortedSet()
        self._unsorted: list[bytes] = []

    def put(self, key: bytes, value: V) -> None:
        """Writes a row."""
        if key not in self.by_key:
            self._unsorted.append(key)
        self.by_key[key] = value

    def tidy(self) -> None:
        """Forgets the keys of deleted rows once they outnumber the others by far."""
        if len(self._unsorted) + len(self._sorted) > 4 * len(self.by_key) + _GARBAGE:
            self._sorted.clear()
            self._unsorted = list(self.by_key)

    def clear(self) -> None:
        """Deletes all."""
        self.by_key.clear()
        self._sorted.clear()
        self._unsorted.clear()

    def scan(self, prefix: bytes, after: bytes = b"") -> list[tuple[bytes, V]]:
        """The rows whose key begins with ``prefix``, in order, as of now; with ``after``, those behind it."""
        by_key = self.by_key
        if self._unsorted:
            self._sorted.update(key for key in self._unsorted if key in by_key)
            self._unsorted.clear()
        rows: list[tuple[bytes, V]] = []
        gone: list[bytes] = []
        for key in self._sorted.irange(max(prefix, after)):
            if not key.startswith(prefix):
                break
            if key not in by_key:
                gone.append(key)
            elif key > after:
                rows.append((key, by_key[key]))
        for key in gone:
            self._sorted.discard(key)
        return rows
