"""Which events and records carry payloads, and how they are opened for code and sealed for the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from sagaline._host.runs.weights import PAYLOADS
from sagaline._model.events import Command, Event
from sagaline._model.failure import BUG, Failure
from sagaline._model.records import History
from sagaline._payloads import Sealer, is_sealed
from sagaline._runtime.bugs import WorkflowBug
from sagaline.errors import PayloadTooLarge, PayloadUnavailable

E = TypeVar("E", bound=Event)


def seal_commands(sealer: Sealer, run_id: str, commands: list[Command]) -> list[Command]:
    """What the code asks for, as it is recorded. Raises WorkflowBug, BlobsUnavailable."""
    for index, command in enumerate(commands):
        name = PAYLOADS.get(type(command))
        if name is not None and sealer.touches(payload := getattr(command, name)):
            try:
                commands[index] = msgspec.structs.replace(command, **{name: sealer.seal(run_id, payload)})
            except PayloadTooLarge as error:
                raise _bug(error) from error
    return commands


def open_events(sealer: Sealer, events: Sequence[E]) -> list[E]:
    """Events as the code is given them. A payload that cannot be had is a reason to park the run: WorkflowBug."""
    return [_open(sealer, event) for event in events]


def _open(sealer: Sealer, event: E) -> E:
    name = PAYLOADS.get(type(event))
    if name is None or not is_sealed(payload := getattr(event, name)):
        return event
    try:
        return msgspec.structs.replace(event, **{name: sealer.open(payload)})
    except PayloadUnavailable as error:
        raise _bug(error) from error


def _bug(error: PayloadUnavailable | PayloadTooLarge) -> WorkflowBug:
    return WorkflowBug(Failure(type(error).__name__, str(error), BUG, retryable=False), "payload")


def open_record(sealer: Sealer, record: History) -> History:
    """A record of history as replay is given it."""
    return msgspec.structs.replace(record, events=tuple(open_events(sealer, record.events)))
