"""What the record that is being applied changes: rows, and the effects that follow once it is durable."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from sagaline._engine.overlay import Overlay, Writes


class Effect(msgspec.Struct, frozen=True, gc=False):
    """What the host does once the record is durable. The table that calls for one defines it."""


class Changes:
    """The rows as the tables see them: what the record writes, over the overlay. ``put`` writes a row; None deletes it.

    Nothing is called more often than ``put`` and ``call_for``, so they are a dict's and a list's own: the overlay gets
    all rows when they are drained.
    """

    put: Callable[[bytes, bytes | None], None]
    call_for: Callable[[Effect], None]
    """Asks for an effect once the record is durable."""

    def __init__(self, overlay: Overlay) -> None:
        self._overlay = overlay
        self._effects: list[Effect] = []
        self._writes: Writes = {}
        self.put = self._writes.__setitem__
        self.call_for = self._effects.append

    def get(self, key: bytes) -> bytes | None:
        """The newest value at ``key``, or None."""
        writes = self._writes
        return writes[key] if key in writes else self._overlay.get(key)

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """All rows whose key begins with ``prefix``, in the order of their keys; with ``after``, those behind it."""
        self._overlay.add(self._writes)
        return self._overlay.scan(prefix, after)

    def drain_writes(self) -> Writes:
        """The writes since the last call: they are in the overlay now."""
        writes, add = self._writes, self._overlay.add
        add(writes)
        self._writes = {}
        self.put = self._writes.__setitem__
        return writes

    def drain_effects(self) -> list[Effect]:
        """The effects since the last call, in order."""
        effects = self._effects
        if effects:
            self._effects = []
            self.call_for = self._effects.append
            return effects
        return []
