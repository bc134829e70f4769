"""Publishes what records have put into the outbox, and knows up to where all of it has left.

The earliest messages are in memory and on their way, as many as fit into a window; those behind stay in the store
until their turn comes, so that a million of them take no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sagaline._engine.effects import Publish
from sagaline._engine.tables.outbox import OutboxRow
from sagaline._host.options import HostOptions
from sagaline._host.partition.guard import Guard
from sagaline._host.partition.progress import Progress
from sagaline._host.publishing.sender import Message, Sender
from sagaline._host.publishing.window import Number, Window
from sagaline._log import Log


class Outbox:
    """``stored`` gives the durable messages behind a number, in order; ``is_settled`` tells of one that may have left
    before whether it need not leave again. Writes ``Progress.released``.

    Nothing leaves before ``begin``: until then all that was not known to have left counts as waiting.
    """

    def __init__(
        self,
        log: Log,
        options: HostOptions,
        guard: Guard,
        progress: Progress,
        stored: Callable[[Number | None], Iterator[Publish]],
        is_settled: Callable[[OutboxRow], bool],
    ) -> None:
        self._progress, self._stored, self._is_settled = progress, stored, is_settled
        self._sender = Sender(log, options, guard, self._on_left, is_settled)
        self._window = Window()
        self._last: Number | None = None  # of those that have been in the window
        self._more, self._filling = True, False
        self._bytes_behind = 0
        self._released_before = progress.released

    @property
    def released(self) -> int:
        """Whatever records below this offset asked for has left. It rides on later records, which delete the rows."""
        first = self._window.first
        if first is not None:
            return first[0]
        if self._more:
            return self._released_before if self._last is None else self._last[0]
        return self._progress.next_offset

    @property
    def bytes_waiting(self) -> int:
        """Bytes of messages that have not left, as far as they are known."""
        return self._window.bytes_held + self._bytes_behind

    @property
    def is_empty(self) -> bool:
        """True when everything has left."""
        return self._window.first is None and not self._more

    def begin(self) -> None:
        """Sends what an owner before has left behind."""
        self._fill()
        self.advance()

    def advance(self) -> None:
        """History has been applied further, or messages have left."""
        self._progress.released = self.released

    def resize(self, share: float) -> None:
        """``share``: how much of what the process may keep in memory is for this partition."""
        self._window.resize(share)

    def publish(self, entry: Publish) -> None:
        """Sends an entry, now or in its turn. Contract: numbers increase, and its row is durable."""
        message = Message(entry)
        if self._more or self._window.is_full:
            self._more = True
            self._bytes_behind += message.size
        else:
            self._hold(message)

    def _fill(self) -> None:
        """Takes the next ones from the store while there is room."""
        if not self._more or self._filling or self._sender.is_closed:
            return
        self._filling = True
        try:
            for entry in self._stored(self._last):
                message = Message(entry)
                self._bytes_behind = max(0, self._bytes_behind - message.size)
                if self._is_settled(entry.row):
                    self._last = entry.number
                    continue
                self._hold(message)
                if self._window.is_full:
                    return
            self._more, self._bytes_behind = False, 0
        finally:
            self._filling = False

    def _hold(self, message: Message) -> None:
        number = message.entry.number
        self._last = number
        self._window.add(number, message.size)
        self._sender.send(message)

    def _on_left(self, message: Message) -> None:
        self._window.remove(message.entry.number, message.size)
        if self._more and self._window.is_half_empty:
            self._fill()
        self.advance()

    def close(self) -> None:
        """Publishes nothing more."""
        self._sender.close()
