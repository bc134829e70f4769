"""Rows in memory that are written often, and now and then scanned in the order of their keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Generic, TypeVar

from sortedcontainers import SortedList

V = TypeVar("V")
_NOTHING = object()


class SortedRows(Generic[V]):
    """Bytes to values. A key is sorted in when somebody scans, once.

    So a write costs what a dict's does, and a scan what it gives and what is new since the last one, not what there
    is. ``by_key`` is for reading and writing; rows are deleted through ``delete``.
    """

    def __init__(self) -> None:
        self.by_key: dict[bytes, V] = {}
        self._sorted: SortedList[bytes] | None = None  # keys that are there, all but the newest of the dict

    @property
    def unsorted(self) -> int:
        """How many keys are new since the last scan."""
        return len(self.by_key) - (0 if self._sorted is None else len(self._sorted))

    def delete(self, keys: Iterable[bytes]) -> None:
        """Deletes the rows of keys that are there."""
        by_key, in_order = self.by_key, self._sorted
        for key in keys:
            del by_key[key]
            if in_order is not None:
                in_order.discard(key)
        if not by_key:
            self._sorted = None  # nothing to look for until the next scan

    def settle(self, rows: Mapping[bytes, V]) -> None:
        """Deletes those of the rows that are still there as they are here."""
        by_key = self.by_key
        get = by_key.get
        if self._sorted is not None:
            self.delete([key for key, value in rows.items() if get(key, _NOTHING) is value])
            return
        for key, value in rows.items():
            if get(key, _NOTHING) is value:
                del by_key[key]

    def clear(self) -> None:
        """Deletes all."""
        self.by_key.clear()
        self._sorted = None

    def sort(self) -> SortedList[bytes]:
        """Sorts in what is new: a dict keeps the order in which keys came, so those are its last ones."""
        unsorted, in_order = self.unsorted, self._sorted
        if in_order is None:
            in_order = self._sorted = SortedList()
        if unsorted:
            in_order.update(islice(reversed(self.by_key), unsorted))
        return in_order

    def scan(self, prefix: bytes, after: bytes = b"", most: int | None = None) -> list[tuple[bytes, V]]:
        """The rows whose key begins with ``prefix``, in order, as of now; with ``after``, those behind it; with
        ``most``, so many of them."""
        in_order = self.sort()
        by_key = self.by_key
        rows: list[tuple[bytes, V]] = []
        for key in in_order.irange(max(prefix, after)):
            if not key.startswith(prefix) or len(rows) == most:
                break
            if key > after:
                rows.append((key, by_key[key]))
        return rows
