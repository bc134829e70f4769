"""Refusals that follow each other are one record, and are answered when it is durable."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sagaline._engine.decide import Rejected
from sagaline._engine.effects import Answer, Effect
from sagaline._model.codec import encode
from sagaline._model.records import CancelRun, Refusal, Reply, RetryRun, StartRun, TerminateRun

Refusable = StartRun | CancelRun | TerminateRun | RetryRun


class Batch(NamedTuple):
    """What one record holds, the positions of its last refusal, and the answers that follow."""

    refusals: tuple[Refusal, ...]
    settled: tuple[int, int]
    answers: list[Effect]


class Refused:
    """``settled`` are the positions that a record may carry."""

    def __init__(self, settled: Callable[[], tuple[int, int]]) -> None:
        self._settled = settled
        self._waiting: list[tuple[Refusal, Refusable]] = []
        self._at = settled()

    def add(self, rejected: Rejected, request: Refusable) -> None:
        """A request is refused; it is answered when that is on record."""
        self._waiting.append((Refusal(rejected.request_id, rejected.workflow_id, rejected.failure), request))
        self._at = self._settled()

    def take(self) -> Batch | None:
        """All that wait. Their positions are those of the last one: what was read after it is not decided yet."""
        if not self._waiting:
            return None
        waiting, self._waiting = self._waiting, []
        answers: list[Effect] = [_answer(*one) for one in waiting if one[1].reply_to]
        return Batch(tuple(refusal for refusal, _ in waiting), self._at, answers)


def _answer(refusal: Refusal, request: Refusable) -> Answer:
    reply = Reply(request.request_id, request.workflow_id, "", "refused", "", None, refusal.failure)
    return Answer(request.reply_partition, request.reply_to, encode(reply))
