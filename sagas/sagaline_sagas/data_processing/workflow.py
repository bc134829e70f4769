"""The sliding window: as one page is done the next begins. A page is a child, so that no run has a long history."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from sagaline import ActivityError, workflow

from .activities import count_items, process_item, store_report
from .models import Batch, Page, Report

_LANES = 10
"""Items of a page that are processed at once."""


@workflow
async def process_all(batch: Batch) -> Report:
    """Processes all items of a source; those that fail for good are in the report, and stop nothing."""
    pages = _pages(batch, await count_items(batch.source))
    reports: list[Report] = []
    await asyncio.gather(*(_work_on(pages, reports) for _ in range(batch.window)))
    report = Report(
        done=sum(page.done for page in reports), failed=sorted(item for page in reports for item in page.failed)
    )
    await store_report(batch.source, report)
    return report


def _pages(batch: Batch, count: int) -> Iterator[Page]:
    for first in range(0, count, batch.page_size):
        items = list(range(first, min(first + batch.page_size, count)))
        yield Page(source=batch.source, items=items)


async def _work_on(pages: Iterator[Page], reports: list[Report]) -> None:
    """One place in the window: takes the next page as long as there is one."""
    for page in pages:
        reports.append(await process_page(page))


@workflow
async def process_page(page: Page) -> Report:
    """Processes the items of a page, some at once."""
    items, failed = iter(page.items), list[int]()
    done = await asyncio.gather(*(_process(items, failed) for _ in range(_LANES)))
    return Report(done=sum(done), failed=failed)


async def _process(items: Iterator[int], failed: list[int]) -> int:
    done = 0
    for item in items:
        try:
            await process_item(item)
            done += 1
        except ActivityError:
            failed.append(item)
    return done
