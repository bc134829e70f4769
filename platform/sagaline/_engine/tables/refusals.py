"""Requests that were refused, and the records that say so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from sagaline._engine.changes import Changes
from sagaline._engine.tables.numbered import numbered_key, numbered_of
from sagaline._model.records import Refusal

PREFIX, RECORDS_PREFIX = b"q/", b"f/"


class RefusalRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A refusal, and the record that holds it."""

    epoch: int
    number: int
    refusal: Refusal


class RefusalsRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A record of refusals: when it was written, and the requests."""

    at: int
    request_ids: list[str]


class RefusalsRecord(NamedTuple):
    """A record of refusals, as retention knows it."""

    at: int
    epoch: int
    number: int


_encode = msgspec.msgpack.Encoder().encode
_decode_refusal = msgspec.msgpack.Decoder(RefusalRow).decode
_decode_refusals = msgspec.msgpack.Decoder(RefusalsRow).decode


def refusal_key(request_id: str) -> bytes:
    """Key of a refused request."""
    return PREFIX + request_id.encode()


def refusals_key(epoch: int, number: int) -> bytes:
    """Key of a record of refusals."""
    return numbered_key(RECORDS_PREFIX, epoch, number)


class RefusedRequests:
    """A request that is refused twice is known by the later record."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def get(self, request_id: str) -> Refusal | None:
        """The recorded refusal of a request."""
        data = self._changes.get(refusal_key(request_id))
        return None if data is None else _decode_refusal(data).refusal

    def records(self, after: bytes = b"") -> Iterator[RefusalsRecord]:
        """Every record of refusals, in order; with ``after``, those behind that key."""
        for key, data in self._changes.scan(RECORDS_PREFIX, after):
            yield RefusalsRecord(_decode_refusals(data).at, *numbered_of(key))

    def senders(self, epoch: int, number: int) -> Iterator[str]:
        """Workflow ids of the runs whose requests a record refuses."""
        data = self._changes.get(refusals_key(epoch, number))
        for request_id in () if data is None else _decode_refusals(data).request_ids:
            refusal = self.get(request_id)
            if refusal is not None and refusal.parent_id:
                yield refusal.parent_id

    def has_record(self, epoch: int, number: int) -> bool:
        """Whether this record is known and has no tombstone."""
        return self._changes.get(refusals_key(epoch, number)) is not None

    def put(self, epoch: int, number: int, at: int, refusals: Sequence[Refusal]) -> None:
        """A record of refusals."""
        for refusal in refusals:
            self._changes.put(refusal_key(refusal.request_id), _encode(RefusalRow(epoch, number, refusal)))
        row = RefusalsRow(at, [refusal.request_id for refusal in refusals])
        self._changes.put(refusals_key(epoch, number), _encode(row))

    def drop(self, epoch: int, number: int) -> None:
        """A record of refusals has its tombstone; requests that a later one refuses stay known."""
        key = refusals_key(epoch, number)
        data = self._changes.get(key)
        if data is None:
            return
        self._changes.put(key, None)
        for request_id in _decode_refusals(data).request_ids:
            row = self._changes.get(refusal_key(request_id))
            if row is not None and _is_of(_decode_refusal(row), epoch, number):
                self._changes.put(refusal_key(request_id), None)


def _is_of(row: RefusalRow, epoch: int, number: int) -> bool:
    return (row.epoch, row.number) == (epoch, number)
