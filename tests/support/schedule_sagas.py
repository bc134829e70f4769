"""Workflows that schedules begin."""

from __future__ import annotations

import asyncio

from sagaline import ApplicationError, workflow


@workflow
async def report(region: str) -> str:
    due = workflow.due_time()
    return f"{region} {due.isoformat() if due else 'now'}"


@workflow
async def totals() -> int:
    """Goes on from what the run before has counted."""
    return (workflow.last_result(int) or 0) + 1


@workflow
async def takes(minutes: int) -> str:
    await asyncio.sleep(60 * minutes)
    return "done"


@workflow
async def forever() -> None:
    await asyncio.Event().wait()


@workflow
async def fails_once() -> str:
    due = workflow.due_time()
    if due is not None and due.hour == 1:
        raise ApplicationError("the disk is full", type="DiskFull")
    return "fine"


WORKFLOWS = [report, totals, takes, forever, fails_once]
