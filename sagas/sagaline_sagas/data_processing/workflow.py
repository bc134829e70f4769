"""The sliding window: as one item is done the next begins."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from sagaline import ActivityError, workflow

from .activities import list_items, process_item, store_report
from .models import Batch, Report


@workflow
async def process_all(batch: Batch) -> Report:
    """Processes all items of a source; those that fail for good are in the report, and stop nothing."""
    items = iter(await list_items(batch.source))
    failed: list[int] = []
    lanes = [_lane(items, failed) for _ in range(batch.window)]
    done = sum(await asyncio.gather(*lanes))
    report = Report(done=done, failed=sorted(failed))
    await store_report(batch.source, report)
    return report


async def _lane(items: Iterator[int], failed: list[int]) -> int:
    """One place in the window: takes the next item as long as there is one."""
    done = 0
    for item in items:
        try:
            await process_item(item)
            done += 1
        except ActivityError:
            failed.append(item)
    return done
