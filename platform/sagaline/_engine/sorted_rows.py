"""Rows in memory that are written often, and now and then scanned in the order of their keys."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Generic, TypeVar

from sortedcontainers import SortedList

V = TypeVar("V")


class SortedRows(Generic[V]):
    """Bytes to values. A key is sorted in when somebody scans, once.

    So a write costs what a dict's does, and a scan what it gives and what is new since the last one, not what there
    is. ``by_key`` is for reading and writing; rows are deleted through ``delete``.
    """

    def __init__(self) -> None:
        self.by_key: dict[bytes, V] = {}
        self._sorted: SortedList[bytes] = SortedList()  # keys that are there, all but the newest of the dict

    @property
    def unsorted(self) -> int:
        """How many keys are new since the last scan."""
        return len(self.by_key) - len(self._sorted)

    def delete(self, keys: Iterable[bytes]) -> None:
        """Deletes the rows of keys that are there."""
        by_key, is_sorted = self.by_key, bool(self._sorted)
        for key in keys:
            del by_key[key]
            if is_sorted:
                self._sorted.discard(key)

    def clear(self) -> None:
        """Deletes all."""
        self.by_key.clear()
        self._sorted.clear()

    def sort(self) -> None:
        """Sorts in what is new: a dict keeps the order in which keys came, so those are its last ones."""
        if unsorted := self.unsorted:
            self._sorted.update(islice(reversed(self.by_key), unsorted))

    def scan(self, prefix: bytes, after: bytes = b"", most: int | None = None) -> list[tuple[bytes, V]]:
        """The rows whose key begins with ``prefix``, in order, as of now; with ``after``, those behind it; with
        ``most``, so many of them."""
        self.sort()
        by_key = self.by_key
        rows: list[tuple[bytes, V]] = []
        for key in self._sorted.irange(max(prefix, after)):
            if not key.startswith(prefix) or len(rows) == most:
                break
            if key > after:
                rows.append((key, by_key[key]))
        return rows
