"""Signals that a run has received and its code has not begun to handle, in the order in which they came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from sagaline._engine.changes import Changes
from sagaline._engine.tables.runs import RunRow
from sagaline._model.limits import SIGNAL_NAMES_LEFT
from sagaline._model.tokens import PREFIX as TOKEN

PREFIX = b"s/"


class SignalRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A signal that waits."""

    request_id: str
    signal: str
    input: bytes


class WaitingSignal(NamedTuple):
    """A signal that waits, and its place among all that the run has received, from 1."""

    number: int
    row: SignalRow


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SignalRow).decode


def signal_key(run_id: str, number: int) -> bytes:
    """Key of a signal that waits."""
    return b"s/%b/%08x" % (run_id.encode(), number)


class Signals:
    """A row is written when a signal comes, and deleted when the code begins to handle it or the run ends.

    The run's row counts them, so that a run without signals needs no look.
    """

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def of(self, run_id: str) -> Iterator[WaitingSignal]:
        """The signals that wait, in order, lazily."""
        for key, data in self._changes.scan(b"s/%b/" % run_id.encode()):
            yield WaitingSignal(int(key[-8:], 16), _decode(data))

    def put(self, run: RunRow, row: SignalRow) -> None:
        """A signal has come."""
        run.signals_received += 1
        run.signals_waiting += 1
        run.signal_bytes += len(row.input)
        self._changes.put(signal_key(run.run_id, run.signals_received), _encode(row))

    def drop(self, run: RunRow, number: int) -> None:
        """The code has begun to handle a signal; nothing when it does not wait."""
        key = signal_key(run.run_id, number)
        data = self._changes.get(key)
        if data is not None:
            run.signals_waiting -= 1
            run.signal_bytes -= len(_decode(data).input)
            self._changes.put(key, None)

    def pass_on(self, run: RunRow, request_id: str) -> None:
        """``run`` has received a signal: the first of those that it inherits, or else a new one (so did runs that went
        on before they had received all, in logs of earlier versions)."""
        waiting = self._changes.scan(b"s/%b/" % run.inherits[0].encode())
        first = next(waiting, None)
        is_last = next(waiting, None) is None
        if first is not None and _decode(first[1]).request_id == request_id:
            self._changes.put(first[0], None)
            if is_last:
                run.inherits = run.inherits[1:]

    def drop_tokens(self, run: RunRow) -> None:
        """The run goes on as another, which has other tokens: values that nobody has taken are for nobody."""
        for number, row in self.of(run.run_id) if run.signals_waiting else ():
            if row.signal.startswith(TOKEN):
                self.drop(run, number)

    def give_up(self, run: RunRow) -> None:
        """No code will handle those that wait for the run, which has ended, or the last run as which it went on has.
        The run's row still counts them, and says their names."""
        if run.signals_waiting:
            left: dict[str, int] = {}
            run.signals_waiting = 0
            for _, row in self.of(run.run_id):
                run.signals_waiting += 1
                if row.signal in left or len(left) < SIGNAL_NAMES_LEFT:
                    left[row.signal] = left.get(row.signal, 0) + 1
            run.signals_left = left
            run.signal_bytes = 0
            self.drop_all(run)

    def drop_all(self, run: RunRow) -> None:
        """The run is retired, or has ended."""
        for key, _ in self._changes.scan(b"s/%b/" % run.run_id.encode()):
            self._changes.put(key, None)
