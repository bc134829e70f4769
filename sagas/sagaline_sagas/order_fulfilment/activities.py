"""The steps and what undoes them. Each hands its idempotency key to the shop, so that a repeat has its effect once."""

from __future__ import annotations

import asyncio
import os
from functools import cache

from sagaline import Retry, activity

from .models import Order, Payment, Reservation, Shipment
from .shop import AddressUnknown, CardDeclined, OutOfStock, Shop, UndoneBefore

_RETRY = Retry(attempts=3, first_interval="50ms", maximum_interval="500ms")
_UNDO = Retry(attempts=0, first_interval="50ms", maximum_interval="2s")


@cache
def shop() -> Shop:
    """The shop's database; its file is named by SHOP_DB."""
    return Shop(os.environ.get("SHOP_DB", "shop.db"))


@activity(timeout="400ms", retry=_RETRY, refusals=(OutOfStock, UndoneBefore))
async def reserve_stock(order: Order) -> Reservation:
    """Sets stock aside."""
    key = activity.info().idempotency_key
    found = shop().reserve(key, order)
    await _behave(order.sku)
    return found


@reserve_stock.compensation(retry=_UNDO)
async def release_stock(order: Order, reservation: Reservation | None) -> None:
    """Puts it back."""
    shop().release(_undone_key(), order)


@activity(timeout="400ms", retry=_RETRY, refusals=(CardDeclined, UndoneBefore))
async def charge_card(order: Order) -> Payment:
    """Takes the money."""
    key = activity.info().idempotency_key
    found = shop().charge(key, order)
    await _behave(order.card)
    return found


@charge_card.compensation(retry=_UNDO)
async def refund_card(order: Order, payment: Payment | None) -> None:
    """Gives it back."""
    shop().refund(_undone_key(), order)


@activity(timeout="400ms", retry=_RETRY, refusals=(AddressUnknown, UndoneBefore))
async def ship_parcel(order: Order) -> Shipment:
    """Sends the parcel."""
    key = activity.info().idempotency_key
    found = shop().ship(key, order)
    await _behave(order.address)
    return found


@ship_parcel.compensation(retry=_UNDO)
async def recall_parcel(order: Order, shipment: Shipment | None) -> None:
    """Calls it back."""
    shop().recall(_undone_key(), order)


def _undone_key() -> str:
    """The key under which the step that is undone was done, if it was."""
    step = activity.info().compensates
    if step is None:
        raise RuntimeError("Expected a compensation but this is the attempt of a step.")
    return step.idempotency_key


async def _behave(name: str) -> None:
    """How this participant misbehaves, by the name it was given, *after* its effect is done.

    ``-flaky`` fails once, ``-slow`` times out once, ``-hangs`` times out for ever: the caller cannot know.
    """
    first = activity.info().attempt == 1
    if name.endswith("-flaky") and first:
        raise ConnectionError("the connection broke")
    if name.endswith("-hangs") or (name.endswith("-slow") and first):
        await asyncio.sleep(3600)
