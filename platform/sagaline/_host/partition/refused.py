"""Requests that are refused wait here until one record says so of all that follow each other."""

from __future__ import annotations

import logging
from typing import NamedTuple

from sagaline._engine.decide import Rejected
from sagaline._engine.effects import Answer, Effect
from sagaline._host.partition.progress import InputOffsets, Progress
from sagaline._model import limits
from sagaline._model.codec import encode
from sagaline._model.failure import Failure
from sagaline._model.records import (
    CancelRun,
    Refusal,
    Reply,
    ResetRun,
    RetryRun,
    RunControl,
    SignalRun,
    StartRun,
    UndoRun,
    UpdateRun,
)

Refusable = StartRun | RunControl | ResetRun | UndoRun | RetryRun | SignalRun | UpdateRun
_OVERHEAD_BYTES = 300
_RECORD_BYTES = limits.RECORD_BYTES // 2
"""Refusals of one record; their answers weigh as much again on their way out."""
_REFUSALS = 500
"""Refusals of one record."""
_log = logging.getLogger("sagaline.partition")


class Batch(NamedTuple):
    """What one record holds, the positions that it carries, and the answers that follow."""

    refusals: tuple[Refusal, ...]
    positions: InputOffsets
    answers: list[Effect]


class Waiting(NamedTuple):
    """A refusal that is not on record, with what was settled when its request was decided on."""

    refusal: Refusal
    request: Refusable
    settled: InputOffsets
    bytes: int


class Refused:
    """Refusals in the order of their requests."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.waiting: list[Waiting] = []

    def add(self, rejected: Rejected, request: Refusable) -> None:
        """A request is refused; it is answered when that is on record."""
        failure = rejected.failure
        if limits.size(failure.message) > limits.MESSAGE_BYTES:
            failure = Failure(failure.type, limits.cut(failure.message), retryable=failure.retryable)
        run_id = request.run_id if isinstance(request, UpdateRun) else rejected.run_id
        refusal = Refusal(rejected.request_id, rejected.workflow_id, failure, *_asker(request), run_id)
        told = (type(request).__name__, rejected.workflow_id, limits.cut(failure.message, limits.LOGGED_BYTES))
        _log.warning("Refused: %s of %s: %s", *told)
        texts = (
            refusal.request_id,
            refusal.workflow_id,
            failure.type,
            failure.message,
            failure.stack,
            refusal.parent_id,
            refusal.run_id,
        )
        size = _OVERHEAD_BYTES + sum(map(limits.size, texts))
        self.waiting.append(Waiting(refusal, request, self._progress.settled, size))

    def take(self) -> list[Batch]:
        """All that wait, split by bytes. The positions of a batch are those behind its last request: what was read
        after it is not decided yet."""
        waiting, self.waiting = self.waiting, []
        batches: list[Batch] = []
        start = size = 0
        for number, item in enumerate(waiting):
            if number > start and (size + item.bytes > _RECORD_BYTES or number - start == _REFUSALS):
                batches.append(_batch(waiting[start:number]))
                start, size = number, 0
            size += item.bytes
        return [*batches, _batch(waiting[start:])] if waiting else []


def _asker(request: Refusable) -> tuple[str, str, int]:
    """The run that has asked, and the step in it; nothing when no run has."""
    match request:
        case StartRun(parent_run_id=run_id) if run_id:
            return request.parent_id, run_id, request.parent_step
        case SignalRun(sender_run_id=run_id) | CancelRun(sender_run_id=run_id) if run_id:
            return request.sender_id, run_id, request.sender_step
        case _:
            return "", "", 0


def _batch(waiting: list[Waiting]) -> Batch:
    answers: list[Effect] = [_answer(item.refusal, item.request) for item in waiting if item.request.reply_to]
    return Batch(tuple(item.refusal for item in waiting), waiting[-1].settled, answers)


def _answer(refusal: Refusal, request: Refusable) -> Answer:
    run_id = refusal.run_id if isinstance(request, StartRun) else request.run_id
    reply = Reply(request.request_id, refusal.workflow_id, run_id, "refused", "", None, refusal.failure)
    return Answer(request.reply_partition, request.reply_to, encode(reply))
