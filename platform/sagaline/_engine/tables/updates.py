"""Updates that a run has accepted, with what came of them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sagaline._engine.changes import Changes, Effect
from sagaline._engine.tables.runs import RunRow
from sagaline._model.failure import Failure

PREFIX = b"y/"


class UpdateRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An update. ``result`` or ``failure`` is what came of it; neither as long as its handler is at work."""

    update: str
    result: bytes | None = None
    failure: Failure | None = None

    @property
    def done(self) -> bool:
        """Whether it has been answered."""
        return self.result is not None or self.failure is not None


class AnswerUpdate(Effect, frozen=True, gc=False):
    """Tell those who wait for an update."""

    workflow_id: str
    run_id: str
    update_id: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(UpdateRow).decode


def _prefix(run_id: str) -> bytes:
    return b"y/%b/" % run_id.encode()


def update_key(run_id: str, update_id: str) -> bytes:
    """Key of an update."""
    return _prefix(run_id) + update_id.encode()


class Updates:
    """Rows stay until the run is retired: whoever asks again is answered the same."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def get(self, run_id: str, update_id: str) -> UpdateRow | None:
        """An update that was accepted."""
        data = self._changes.get(update_key(run_id, update_id))
        return None if data is None else _decode(data)

    def put(self, run: RunRow, update_id: str, update: str) -> None:
        """An update is accepted."""
        run.updates_received += 1
        run.updates_open += 1
        self._changes.put(update_key(run.run_id, update_id), _encode(UpdateRow(update)))

    def settle(self, run: RunRow, update_id: str, result: bytes | None, failure: Failure | None) -> None:
        """It is known what came of an update; nothing when that was known before."""
        row = self.get(run.run_id, update_id)
        if row is None or row.done:
            return
        run.updates_open -= 1
        self._changes.put(update_key(run.run_id, update_id), _encode(UpdateRow(row.update, result, failure)))
        self._changes.call_for(AnswerUpdate(run.workflow_id, run.run_id, update_id))

    def give_up(self, run: RunRow) -> None:
        """The run has ended: those that are not answered never will be."""
        if run.updates_open:
            for update_id, row in list(self.of(run.run_id)):
                if not row.done:
                    message = (
                        f"Expected update {row.update!r} of {run.workflow_id!r} to be answered but the run has ended "
                        f"({run.status}) while its handler was at work."
                    )
                    self.settle(run, update_id, None, Failure("RunEnded", message, retryable=False))

    def of(self, run_id: str) -> Iterator[tuple[str, UpdateRow]]:
        """The updates of a run with their ids, lazily."""
        prefix = _prefix(run_id)
        for key, data in self._changes.scan(prefix):
            yield key[len(prefix) :].decode(), _decode(data)

    def drop_all(self, run_id: str) -> None:
        """The run is retired."""
        for key, _ in self._changes.scan(_prefix(run_id)):
            self._changes.put(key, None)
