"""Tasks that are not to begin any more, or are to stop: the topic of a queue's cancellations, as a worker knows it."""

from __future__ import annotations

import logging

from sagaline._log import Record
from sagaline._model.codec import UnreadableRecord, decode
from sagaline._model.records import CancelTask
from sagaline._model.tasks import task_id

_log = logging.getLogger("sagaline.queues")
KNOWN = 100_000
"""Cancellations that a worker remembers, the newest: each is of a task that may still be in the topic."""


class Cancelled:
    """What was read of the topic so far."""

    def __init__(self, most: int = KNOWN) -> None:
        self._most = most
        self._reasons: dict[str, str] = {}  # in order

    def note(self, record: Record) -> tuple[str, CancelTask] | None:
        """The id of the task that is to stop; None for what cannot be read: its task runs, and is given up."""
        try:
            cancel = decode(record.value)
        except UnreadableRecord as error:
            _log.warning("%s@%d: %s", record.topic, record.offset, error)
            return None
        if not isinstance(cancel, CancelTask):
            _log.warning("%s@%d: expected a CancelTask but it is %s", record.topic, record.offset, type(cancel))
            return None
        known = task_id(cancel.run_id, cancel.step, cancel.attempt)
        self._reasons[known] = cancel.reason
        if len(self._reasons) > self._most:
            del self._reasons[next(iter(self._reasons))]
        return known, cancel

    def reason(self, task: str) -> str | None:
        """Why a task is not to begin; None when it may."""
        return self._reasons.get(task)
