"""Rows that are decided but not yet acknowledged, over the rows that are stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

Writes = list[tuple[bytes, bytes | None]]


class Rows(Protocol):
    """Sorted bytes to bytes, as the stores give them."""

    def get(self, key: bytes) -> bytes | None:
        """The value at ``key``, or None."""
        ...

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All rows whose key begins with ``prefix``, in the order of their keys."""
        ...


class Overlay:
    """Reads see the newest write; ``settle`` forgets writes that have reached the rows below."""

    def __init__(self, below: Rows) -> None:
        self._below = below
        self._above: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The newest value at ``key``, or None."""
        if key in self._above:
            return self._above[key]
        return self._below.get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Writes a row; None deletes it."""
        self._above[key] = value

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All rows whose key begins with ``prefix``, in order, as of now."""
        merged: dict[bytes, bytes | None] = dict(self._below.scan(prefix))
        merged.update((key, value) for key, value in self._above.items() if key.startswith(prefix))
        return iter(sorted((key, value) for key, value in merged.items() if value is not None))

    def settle(self, writes: Writes) -> None:
        """These writes are stored now. A newer write to the same key stays above."""
        above = self._above
        for key, value in writes:
            if key in above and above[key] is value:
                del above[key]
