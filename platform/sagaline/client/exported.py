"""One run's history as a file: JSON that stands for itself, for replay elsewhere and for people to read.

``records`` are the records of the log as they stand there, sealed payloads too; ``events`` say the same in words, with
the payloads that are plain. Replay reads ``records`` alone.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from sagaline._model.codec import UnreadableRecord, decode
from sagaline._model.events import RunStarted
from sagaline._model.limits import cut
from sagaline._model.records import History
from sagaline.client.types import HistoryEvent
from sagaline.errors import ConfigurationError

FORMAT = 1
MOST_BYTES = 512_000_000
_KIND = "sagaline history"
R = TypeVar("R")


class _Event(msgspec.Struct, frozen=True):
    id: int
    at: datetime
    type: str
    details: dict[str, Any]


class _File(msgspec.Struct, Generic[R], frozen=True):
    kind: str
    format: int
    workflow: str
    workflow_id: str
    run_id: str
    events: R
    records: list[str]


class ExportedRun(msgspec.Struct, frozen=True):
    """A run's history, read from a file."""

    workflow: str
    workflow_id: str
    run_id: str
    records: tuple[History, ...]

    def __str__(self) -> str:
        return f"{self.workflow_id} ({self.workflow}, run {self.run_id})"


def export(records: Sequence[bytes], events: Sequence[HistoryEvent]) -> bytes:
    """The file of a run, from its records on the log and its events in words."""
    first = decode(records[0])
    started = first.events[0] if isinstance(first, History) else None
    if not isinstance(first, History) or not isinstance(started, RunStarted):
        raise ConfigurationError("Expected a history that begins with RunStarted but it does not.")
    shown = [_Event(event.id, event.at, event.type, event.details) for event in events]
    texts = [base64.b64encode(record).decode() for record in records]
    file = _File(_KIND, FORMAT, started.workflow, first.workflow_id, first.run_id, shown, texts)
    return msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n"


def read_exported(source: bytes | str | Path) -> ExportedRun:
    """The history in a file, or in what ``handle.export()`` has given.

    Raises ConfigurationError, with what is wrong, for anything that is not a whole history of ours.
    """
    name, data = ("the history", source) if isinstance(source, bytes) else (str(source), _content(Path(source)))
    try:
        file = msgspec.json.decode(data, type=_File[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _not_ours(name, f"it does not read as one: {cut(str(error), 200)}") from error
    if file.kind != _KIND or file.format < 1:
        raise _not_ours(name, f"it says that it is {cut(repr(file.kind), 100)}, format {file.format}")
    if file.format > FORMAT:
        raise ConfigurationError(
            f"Expected {name} in format {FORMAT} or older but it is in format {file.format}: a newer version has "
            f"exported it. Upgrade Sagaline here."
        )
    return ExportedRun(file.workflow, file.workflow_id, file.run_id, tuple(_records(name, file)))


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigurationError(f"Expected {path} to have at most {MOST_BYTES} bytes but it has more.")
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"Expected a file {path} but it cannot be read: {error.strerror}.") from error


def _records(name: str, file: _File[msgspec.Raw]) -> list[History]:
    records: list[History] = []
    next_id = 1
    for number, text in enumerate(file.records, 1):
        try:
            record = decode(base64.b64decode(text, validate=True))
        except (UnreadableRecord, binascii.Error, ValueError) as error:
            raise _not_ours(name, f"its record {number} cannot be read: {cut(str(error), 200)}") from error
        if not isinstance(record, History):
            raise _not_ours(name, f"its record {number} is a {type(record).__name__}")
        if (record.workflow_id, record.run_id) != (file.workflow_id, file.run_id):
            raise _not_ours(name, f"its record {number} is of another run, {record.run_id}")
        if record.first_event_id != next_id:
            raise _not_ours(name, f"its record {number} begins with event {record.first_event_id}, not {next_id}")
        next_id += len(record.events)
        records.append(record)
    started = records[0].events[0] if records and records[0].events else None
    if not isinstance(started, RunStarted) or started.workflow != file.workflow:
        raise _not_ours(name, f"it does not begin with the start of a run of {cut(file.workflow, 100)}")
    return records


def _not_ours(name: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"Expected {name} to be a history that `sagaline export` has written but {why}.")
