"""The records of each run as they stand on the topic, kept for replay until they are retired."""

from __future__ import annotations

from collections.abc import Iterator

from sagaline._engine.changes import Changes
from sagaline._model.keys import history_key

PREFIX = b"h/"


def history_row_key(run_id: str, first_event_id: int, epoch: int) -> bytes:
    """Key of one record. With its epoch: whether a record is the one that counts is known without reading it."""
    return b"h/%b/%08x/%x" % (run_id.encode(), first_event_id, epoch)


class RunHistory:
    """By run id, and by the id of the record's first event."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def records(self, run_id: str, first_event_id: int = 0) -> Iterator[bytes]:
        """The run's records, in order; those from an event id on."""
        behind = b"h/%b/%08x" % (run_id.encode(), first_event_id) if first_event_id else b""
        return (value for _, value in self._changes.scan(_prefix(run_id), behind))

    def pages(self, run_id: str, after: bytes, below: int) -> Iterator[tuple[bytes, bytes]]:
        """The run's records whose first event is below event id ``below``, with the keys of their rows, in order;
        those behind the key ``after``."""
        end = history_row_key(run_id, below, 0)[:-1]
        for key, value in self._changes.scan(_prefix(run_id), after):
            if key >= end:
                return
            yield key, value

    def keys(self, workflow_id: str, run_id: str) -> list[bytes]:
        """Keys of a run's records on the history topic, from the first to the last."""
        return [
            history_key(workflow_id, run_id, *_numbers(key, run_id)) for key, _ in self._changes.scan(_prefix(run_id))
        ]

    def count(self, run_id: str) -> int:
        """How many records of a run are kept."""
        return sum(1 for _ in self._changes.scan(_prefix(run_id)))

    def has(self, run_id: str, first_event_id: int, epoch: int) -> bool:
        """Whether this record is kept: one of another epoch with the same place is a zombie's."""
        return self._changes.get(history_row_key(run_id, first_event_id, epoch)) is not None

    def put(self, run_id: str, first_event_id: int, epoch: int, value: bytes) -> None:
        """Keeps a record."""
        self._changes.put(b"h/%b/%08x/%x" % (run_id.encode(), first_event_id, epoch), value)  # history_row_key

    def drop(self, run_id: str, first_event_id: int, epoch: int) -> None:
        """A record has its tombstone."""
        self._changes.put(history_row_key(run_id, first_event_id, epoch), None)


def _prefix(run_id: str) -> bytes:
    return b"h/%b/" % run_id.encode()


def _numbers(key: bytes, run_id: str) -> tuple[int, int]:
    """The first event's id and the epoch of a row's key."""
    at = 3 + len(run_id)
    return int(key[at : at + 8], 16), int(key[at + 9 :], 16)
