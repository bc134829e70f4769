"""Messages of runs to other runs that are not known to have arrived, by run and step.

To one run one message is on its way at a time, and the next leaves when it has arrived: so they arrive in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from sagaline._engine.changes import Changes
from sagaline._engine.tables.runs import RunRow

PREFIX = b"e/"


class OutgoingRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A message, encoded. ``sent``: it is on its way; else one to the same run is."""

    target_id: str
    value: bytes
    sent: bool


class OutgoingMessage(NamedTuple):
    """A message that a run waits for."""

    step: int
    row: OutgoingRow


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(OutgoingRow).decode


def outgoing_key(run_id: str, step: int) -> bytes:
    """Key of a message that is not known to have arrived."""
    return b"e/%b/%08x" % (run_id.encode(), step)


class Outgoing:
    """The run's row counts them among its open steps."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def get(self, run_id: str, step: int) -> OutgoingRow | None:
        """A message that is not known to have arrived."""
        data = self._changes.get(outgoing_key(run_id, step))
        return None if data is None else _decode(data)

    def of(self, run_id: str) -> Iterator[OutgoingMessage]:
        """Those of a run, by step."""
        for key, data in self._changes.scan(b"e/%b/" % run_id.encode()):
            yield OutgoingMessage(int(key[-8:], 16), _decode(data))

    def add(self, run: RunRow, step: int, target_id: str, value: bytes) -> bool:
        """A message was asked for. True when it may leave: none to the same run is on its way."""
        sent = all(message.row.target_id != target_id for message in self.of(run.run_id))
        run.open_steps += 1
        self._changes.put(outgoing_key(run.run_id, step), _encode(OutgoingRow(target_id, value, sent)))
        return sent

    def settle(self, run: RunRow, step: int) -> OutgoingRow | None:
        """A message has arrived, or was refused. Returns the one that may leave now."""
        row = self.get(run.run_id, step)
        if row is None:
            return None
        run.open_steps -= 1
        self._changes.put(outgoing_key(run.run_id, step), None)
        for number, waiting in list(self.of(run.run_id)):
            if waiting.target_id == row.target_id:
                self._changes.put(
                    outgoing_key(run.run_id, number), _encode(msgspec.structs.replace(waiting, sent=True))
                )
                return waiting
        return None

    def drop_all(self, run: RunRow) -> None:
        """Nobody waits for them any more. The run's count of open steps is the caller's."""
        for step, _ in list(self.of(run.run_id)):
            self._changes.put(outgoing_key(run.run_id, step), None)
