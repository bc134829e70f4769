"""Workflows and activities of the tests of bad input."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from sagaline import activity, saga, workflow


class Order(BaseModel):
    id: str
    quantity: int


@activity
async def reserve(order: Order) -> str:
    return order.id


@activity
async def unknown_to_the_worker(order: Order) -> str:
    return order.id


@activity
async def returns_an_object() -> Any:
    return object()


@activity
async def returns_too_much() -> str:
    return "x" * 600_000


@saga
async def fulfil(order: Order) -> str:
    return await reserve(order)


@workflow
async def calls_unknown(order: Order) -> str:
    return await unknown_to_the_worker(order)


@workflow
async def asks_for_an_object() -> Any:
    return await returns_an_object()


@workflow
async def asks_for_too_much() -> str:
    return await returns_too_much()


WORKFLOWS = [fulfil, calls_unknown, asks_for_an_object, asks_for_too_much]
ACTIVITIES = [reserve, returns_an_object, returns_too_much]
GOOD = Order(id="1", quantity=2)
