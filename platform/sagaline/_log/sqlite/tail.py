"""What a tail of the embedded log has read and where it goes on, and whether the file has changed since."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from pathlib import Path

from sagaline._log.port import Record
from sagaline._log.sqlite.connection import connect

_BUSY_POLL_S = 0.001
_IDLE_POLL_S = 0.01
_BUSY_FOR_S = 1.0
Place = tuple[str, int]
"""A topic and a partition of it."""
Batches = dict[Place, tuple[int, list[Record]]]
"""By partition: where reading began, and the records."""


class TailPositions:
    """Where each partition is read next; from any thread.

    Contract: a partition's position moves when its records are handed over, not before: whatever goes wrong until
    then, they are read again.
    """

    def __init__(self) -> None:
        self._next: dict[Place, int] = {}
        self._lock = threading.Lock()
        self._turn = 0

    def put(self, place: Place, offset: int) -> None:
        """Reads this partition too, or from another offset."""
        with self._lock:
            self._next[place] = offset

    def remove(self, place: Place) -> None:
        """Reads it no more."""
        with self._lock:
            self._next.pop(place, None)

    def in_turn(self) -> list[tuple[Place, int]]:
        """All of them; each is the first in its turn, for the bytes of a batch may run out."""
        with self._lock:
            starts = list(self._next.items())
        first = self._turn % max(1, len(starts))
        self._turn += 1
        return starts[first:] + starts[:first]

    def hand_over(self, batches: Batches) -> list[Record]:
        """The records, and the positions are behind them; none of a partition that was removed or moved meanwhile."""
        records: list[Record] = []
        with self._lock:
            for place, (start, batch) in batches.items():
                if self._next.get(place) == start:
                    self._next[place] = batch[-1].offset + 1
                    records += batch
        return records


class ChangeWatch:
    """Polls the file's data version, which changes with every commit of another connection.

    ``written`` is set by this process's own writer, for which nobody has to wait until the next poll.
    """

    def __init__(self, path: Path, written: threading.Event) -> None:
        self._path, self._written = path, written
        self._connection: sqlite3.Connection | None = None
        self._changed = True
        self._version = -1
        self._busy_until = 0.0

    def wait(self) -> sqlite3.Connection | None:
        """A connection when there may be something new; None after a short while without."""
        connection = self._connection
        if connection is None:
            connection = self._connection = connect(self._path)
        version = connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version and not self._changed:
            self._written.wait(_BUSY_POLL_S if time.monotonic() < self._busy_until else _IDLE_POLL_S)
            self._written.clear()
            return None
        self._version, self._changed = version, False
        return connection

    def be_busy(self) -> None:
        """Polls faster for a while: where there was a record, another one follows soon."""
        self._busy_until = time.monotonic() + _BUSY_FOR_S

    def note_change(self) -> None:
        """There is something to read whatever the file says."""
        self._changed = True

    def reset(self) -> None:
        """The next ``wait`` has a connection of its own, and returns it at once."""
        self.disconnect()
        self._version, self._changed = -1, True

    def disconnect(self) -> None:
        """Closes the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
