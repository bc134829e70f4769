"""A small saga with books, for tests of the test kit."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sagaline import ApplicationError, activity, saga, workflow


@dataclass
class Order:
    """What is bought."""

    id: str
    cents: int = 500


@dataclass
class Books:
    """What stands after all effects and their undoing, by idempotency key."""

    reserved: set[str] = field(default_factory=set)
    charged: set[str] = field(default_factory=set)
    shipped: set[str] = field(default_factory=set)

    @property
    def is_blank(self) -> bool:
        """True when nothing stands."""
        return not (self.reserved or self.charged or self.shipped)


books = Books()


class CardDeclined(ApplicationError):
    """A clean no."""


def _undone() -> str:
    forward = activity.info().compensates
    assert forward is not None
    return forward.idempotency_key


@activity
async def reserve(order: Order) -> str:
    """Runs on the loop."""
    books.reserved.add(activity.info().idempotency_key)
    return f"reservation-{order.id}"


@reserve.compensation
async def release(order: Order, reservation: str | None) -> None:
    """Undoes ``reserve``."""
    books.reserved.discard(_undone())


@activity(refusals=(CardDeclined,))
def charge(order: Order) -> int:
    """Runs in a thread."""
    books.charged.add(activity.info().idempotency_key)
    return order.cents


@charge.compensation
def refund(order: Order) -> None:
    """Undoes ``charge``."""
    books.charged.discard(_undone())


@activity
async def ship(order: Order) -> str:
    """The last step."""
    books.shipped.add(activity.info().idempotency_key)
    return f"track-{order.id}"


@ship.compensation
async def recall(order: Order, tracking: str | None) -> None:
    """Undoes ``ship``."""
    books.shipped.discard(_undone())


ACTIVITIES = [reserve, charge, ship]


@saga
async def fulfil(order: Order) -> str:
    """Three steps, and a month between."""
    await reserve(order)
    paid = await charge(order)
    await asyncio.sleep(30 * 86_400)
    return f"{await ship(order)}, paid {paid}"


@workflow
async def forgetful(order: Order) -> int:
    """Has no compensation for anybody, and a bug."""
    raise KeyError(order.id)


@workflow
async def patient() -> None:
    """Waits for nothing that comes."""
    await asyncio.Event().wait()


@workflow
async def by_set_order(names: list[str]) -> list[str]:
    """Is not deterministic: a set of texts has another order in each process."""
    return [await reserve(Order(name)) if len(name) % 2 else await ship(Order(name)) for name in set(names)]
