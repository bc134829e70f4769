"""What keeps closed runs beyond their retention."""

from __future__ import annotations

import asyncio

import msgspec

from sagaline._model.records import RETENTION
from sagaline.client.reads import Reads
from sagaline.errors import RequestRefused

_PARTITIONS_AT_ONCE = 16


async def silent_partitions(reads: Reads, timeout_s: float | None) -> dict[int, float]:
    """Partitions that owners of others wait for, and the seconds for which the longest of them has. Owners of earlier
    versions wait for nobody. Raises RequestTimeout."""
    limit = asyncio.Semaphore(_PARTITIONS_AT_ONCE)

    async def of_partition(number: int) -> dict[int, float]:
        async with limit:
            request = reads.request(f"partition {number}", "", RETENTION)
            try:
                answer = await reads.read(request, timeout_s, number)
            except RequestRefused:
                return {}
        return msgspec.json.decode(answer.reply.result or b"{}", type=dict[int, float])

    silent: dict[int, float] = {}
    for waits in await asyncio.gather(*map(of_partition, range(reads.partitions))):
        for number, seconds in waits.items():
            silent[number] = max(seconds, silent.get(number, 0.0))
    return silent
