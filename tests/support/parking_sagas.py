"""Sagas whose compensations, or steps behind the pivot, fail for good until somebody mends the world."""

from __future__ import annotations

from sagaline import ApplicationError, Retry, activity, saga

ONCE = Retry(attempts=1)
mended: set[str] = set()
"""What works by now."""
seen: list[tuple[str, tuple[object, ...]]] = []
"""What has been called, with its arguments."""


@activity(retry=ONCE)
async def reserve(sku: str, count: int) -> str:
    return f"{count} of {sku}"


@reserve.compensation(retry=ONCE)
async def release(sku: str, count: int, reserved: str | None) -> None:
    seen.append(("release", (sku, count, reserved)))
    if sku not in mended:
        raise ConnectionError(f"the warehouse does not know {sku}")


@activity(retry=ONCE)
async def book(sku: str) -> str:
    return "booked"


@book.compensation(retry=ONCE)
async def unbook(sku: str) -> None:
    seen.append(("unbook", (sku,)))


@activity(retry=ONCE, pivot=True, refusals=(ApplicationError,))
async def pay(sku: str) -> int:
    if sku == "dear":
        raise ApplicationError("no money", type="Declined")
    return 100


@activity(retry=ONCE)
async def ship(sku: str, paid: int) -> str:
    seen.append(("ship", (sku, paid)))
    if sku not in mended:
        raise ConnectionError("no van")
    return f"{sku} is on its way"


@saga
async def order(sku: str) -> str:
    await book(sku)
    await reserve(sku, 2)
    paid = await pay(sku)
    return await ship(sku, paid)


WORKFLOWS, ACTIVITIES = [order], [reserve, book, pay, ship]
