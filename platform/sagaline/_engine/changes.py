"""What the record that is being applied changes: rows, and the effects that follow once it is durable."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sagaline._engine.overlay import Overlay, Writes


class Effect(msgspec.Struct, frozen=True, gc=False):
    """What the host does once the record is durable. The table that calls for one defines it."""


class Changes:
    """The rows as the tables see them. Every write goes into the overlay and is noted for the store."""

    def __init__(self, overlay: Overlay) -> None:
        self.get = overlay.get
        self._put = overlay.put
        self._overlay = overlay
        self._writes: Writes = []
        self._effects: list[Effect] = []

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """All rows whose key begins with ``prefix``, in the order of their keys; with ``after``, those behind it."""
        return self._overlay.scan(prefix, after)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Writes a row; None deletes it."""
        self._put(key, value)
        self._writes.append((key, value))

    def call_for(self, effect: Effect) -> None:
        """Asks for an effect once the record is durable."""
        self._effects.append(effect)

    def drain_writes(self) -> Writes:
        """The writes since the last call, in order."""
        writes, self._writes = self._writes, []
        return writes

    def drain_effects(self) -> list[Effect]:
        """The effects since the last call, in order."""
        effects, self._effects = self._effects, []
        return effects
