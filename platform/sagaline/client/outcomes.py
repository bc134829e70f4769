"""What has become of sagas, as the topic of outcomes tells it: ``client.outcomes()``."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sagaline._log import OUTCOMES, Log, Record
from sagaline._model import outcomes
from sagaline._model.codec import UnreadableRecord, decode
from sagaline.client.events import at_ms
from sagaline.client.requests import Requests
from sagaline.errors import InvalidInput

_log = logging.getLogger("sagaline.client")
_HELD = 5_000
"""Records in memory that nobody has asked for yet; then the reader pauses."""
Since = datetime | Literal["now", "beginning"]
Word = Literal["completed", "compensated", "failed", "cancelled", "terminated", "parked", "resumed"]
"""Ends of a saga; ``parked``, it waits for a person; ``resumed``, the run or a step of it waits no more."""


@dataclass(frozen=True)
class SagaOutcome:
    """A saga has ended, waits for a person, or goes on.

    ``id`` is the same for a repeat, and there are some. ``steps`` and ``undone`` count those of all runs that went on
    one as the other, from ``first_run_id`` on, which began at ``began_at``. ``rollback_at``: when the compensations
    began behind which no step was called. ``is_parked``: it waits for a person after this. ``step``, ``activity``,
    ``compensates``: the step that is parked or goes on, None when it is all of the run. ``action``, ``by``: what a
    person did ("retry", "edit", "done", "skip", "reset"), and who. ``failure_message`` and ``reason`` are there for
    workflows with ``outcomes="full"`` alone.
    """

    id: str
    workflow_id: str
    run_id: str
    first_run_id: str
    workflow: str
    outcome: Word
    at: datetime
    began_at: datetime
    rollback_at: datetime | None
    steps: int
    undone: int
    is_parked: bool
    step: int | None
    activity: str | None
    compensates: int | None
    failure_type: str | None
    failure_message: str | None
    action: str | None
    by: str | None
    reason: str | None


def outcomes_of(requests: Requests, since: Since, follow: bool) -> AsyncIterator[SagaOutcome]:
    """Those on the topic from ``since`` on. Raises InvalidInput; ClientClosed, also later."""
    requests.check_open()
    is_time = isinstance(since, datetime) and since.tzinfo is not None
    if not is_time and since not in ("now", "beginning"):
        raise InvalidInput(f'Expected since to be "now", "beginning" or a datetime with a zone but got {since!r}.')
    return _read(requests, since, follow)


async def _read(requests: Requests, since: Since, follow: bool) -> AsyncGenerator[SagaOutcome]:
    log = requests.log
    bounds = [await log.bounds(OUTCOMES, partition) for partition in range(log.partitions)]
    starts = [end if since == "now" else begin for begin, end in bounds]
    records = _tail(requests, starts) if follow else _there(log, starts, [end for _, end in bounds])
    try:
        async for record in records:
            outcome = _decoded(record)
            if outcome is not None and (not isinstance(since, datetime) or outcome.at >= since):
                yield outcome
    finally:
        await records.aclose()


async def _there(log: Log, starts: list[int], ends: list[int]) -> AsyncGenerator[Record]:
    for partition, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if start < end:
            async for batch in log.read(OUTCOMES, partition, start, end):
                for record in batch:
                    yield record


async def _tail(requests: Requests, starts: list[int]) -> AsyncGenerator[Record]:
    waiting: deque[Record] = deque()
    arrived = asyncio.Event()

    def on_records(records: list[Record]) -> None:
        waiting.extend(records)
        arrived.set()
        if len(waiting) > _HELD:
            reader.pause()

    reader = requests.log.reader(on_records)
    requests.tails.add(arrived)
    try:
        for partition, start in enumerate(starts):
            reader.add(OUTCOMES, partition, start)
        while True:
            await arrived.wait()
            arrived.clear()
            while waiting:
                yield waiting.popleft()
            reader.resume()
            requests.check_open()
    finally:
        requests.tails.discard(arrived)
        await reader.close()


def _decoded(record: Record) -> SagaOutcome | None:
    """None of a record that is none of ours: somebody else has written to the topic."""
    try:
        told = decode(record.value)
    except UnreadableRecord as error:
        _log.warning("Passed over %s[%d]@%d: %s", record.topic, record.partition, record.offset, error)
        return None
    if not isinstance(told, outcomes.SagaOutcome):
        _log.warning("Passed over %s[%d]@%d: no outcome", record.topic, record.partition, record.offset)
        return None
    return SagaOutcome(
        id=told.id,
        workflow_id=told.workflow_id,
        run_id=told.run_id,
        first_run_id=told.first_run_id,
        workflow=told.workflow,
        outcome=told.outcome,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # a word of a worker's
        at=at_ms(told.at),
        began_at=at_ms(told.began_at),
        rollback_at=at_ms(told.rollback_at) if told.rollback_at else None,
        steps=told.steps,
        undone=told.undone,
        is_parked=told.is_parked,
        step=told.step or None,
        activity=told.activity or None,
        compensates=told.compensates or None,
        failure_type=told.failure_type or None,
        failure_message=told.failure_message or None,
        action=told.action or None,
        by=told.by or None,
        reason=told.reason or None,
    )
