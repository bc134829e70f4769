"""Lists the runs of a namespace: every partition's owner is asked, or the log where none answers."""

from __future__ import annotations

import asyncio

from sagaline._model.attributes import SearchAttribute
from sagaline.client.descriptions import summary_of
from sagaline.client.reads import Reads
from sagaline.client.types import RunSummary, Status

_PARTITIONS_AT_ONCE = 16


async def list_runs(
    reads: Reads,
    status: Status | None,
    workflow: str | None,
    wanted: tuple[SearchAttribute, ...],
    timeout_s: float | None,
) -> list[RunSummary]:
    """The runs, the oldest first; parked ones by when they were parked. Raises RequestTimeout, CopyTooLarge."""
    limit = asyncio.Semaphore(_PARTITIONS_AT_ONCE)

    async def of_partition(number: int) -> list[RunSummary]:
        async with limit:
            request = reads.request(f"partition {number}", "", "runs", "" if status is None else status.value, wanted)
            answer = await reads.read(request, timeout_s, number)
        return [summary_of(record) for record in answer.reply.records]

    parts = await asyncio.gather(*map(of_partition, range(reads.partitions)))
    runs = [run for part in parts for run in part if workflow is None or run.workflow == workflow]
    return sorted(runs, key=lambda run: (run.parked_at or run.started_at, run.workflow_id))
