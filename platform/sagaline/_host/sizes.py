"""Bytes that events will take in a record, estimated generously, so that no record is too large to append."""

from __future__ import annotations

from typing import Any

import msgspec

from sagaline._model import events
from sagaline._model.records import ActivityResult

RECORD_BYTES = 850_000
_OVERHEAD_BYTES = 300
_RESULTS_A_RECORD = 100
PAYLOADS: dict[type[Any], str] = {
    events.RunStarted: "input",
    events.ActivityScheduled: "input",
    events.ActivityCompleted: "result",
    events.RunCompleted: "result",
    ActivityResult: "result",
}


def size(event: object) -> int:
    """A generous estimate of an event's, or an input's, bytes in a record."""
    name = PAYLOADS.get(type(event))
    found = _OVERHEAD_BYTES + (len(getattr(event, name) or b"") if name is not None else 0)
    failure = getattr(event, "failure", None)
    return found if failure is None else found + len(msgspec.msgpack.encode(failure))


def in_parts(inputs: list[Any]) -> list[list[Any]]:
    """Inputs of one run in parts that fit into a record each."""
    if len(inputs) == 1:
        return [inputs]
    parts: list[list[Any]] = [[]]
    total = 0
    for given in inputs:
        grown = size(given)
        if parts[-1] and (len(parts[-1]) >= _RESULTS_A_RECORD or total + grown > RECORD_BYTES // 2):
            parts.append([])
            total = 0
        parts[-1].append(given)
        total += grown
    return parts
