"""What is done with an item. Here a sum of digits; put your work in its place."""

from __future__ import annotations

from sagaline import ApplicationError, Retry, activity

from .models import Report

ITEMS = 10_000


class BadItem(ApplicationError):
    """This item cannot be processed, however often it is tried."""

    retryable = False


@activity
async def count_items(source: str) -> int:
    """How many items the source has; pass ids between steps, not the data itself, which would fill the history."""
    return ITEMS


@activity(timeout="30s", retry=Retry(attempts=5), refusals=(BadItem,))
async def process_item(item: int) -> int:
    """Processes one. Attempts may repeat: write the result under the item's id, or hand on the idempotency key."""
    return sum(int(digit) for digit in str(item))


@activity
async def store_report(source: str, report: Report) -> None:
    """Keeps what came of it."""
