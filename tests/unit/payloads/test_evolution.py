"""Types that change while runs are in flight: each line of the table in docs/payloads.md."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel, ConfigDict, Field

from sagaline import Activity, RunError, Workflow, activity, workflow
from sagaline.testing import Stuck
from sagaline.testing.plugin import MakeEnvironment


class Order(BaseModel):
    sku: str
    cents: int = 5


class WithNote(BaseModel):
    sku: str
    cents: int
    note: str = "none"


class WithoutCents(BaseModel):
    sku: str


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    sku: str


class Renamed(BaseModel):
    name: str = Field(validation_alias="sku")


class WithCurrency(BaseModel):
    sku: str
    cents: int
    currency: str


@dataclass
class Plain:
    sku: str
    cents: int


class Struct(msgspec.Struct):
    sku: str
    cents: int


class Colour(Enum):
    RED = "red"


def build(kind: Any, result: Any = None) -> tuple[Workflow[Any, Any], Activity[Any, Any]]:
    """A workflow that takes a value of a type, is given one by an activity, sleeps, and returns what both are now."""

    async def look_up(sku: str) -> Any:
        return result

    async def buy(order: Any) -> str:
        price = await look(order_sku(order))
        await asyncio.sleep(60)
        return f"{order!r} {price!r}"

    look_up.__annotations__ = {"sku": str, "return": kind}
    buy.__annotations__ = {"order": kind, "return": str}
    look = activity(name="look_up")(look_up)
    return workflow(name="buy")(buy), look


def order_sku(order: object) -> str:
    return "a"


GO_ON = [
    (Order, Order(sku="a"), WithNote, "WithNote(sku='a', cents=5, note='none')"),
    (Order, Order(sku="a"), WithoutCents, "WithoutCents(sku='a')"),
    (Order, Order(sku="a"), Renamed, "Renamed(name='a')"),
    (Order, Order(sku="a"), Plain, "Plain(sku='a', cents=5)"),
    (Plain, Plain("a", 5), Order, "Order(sku='a', cents=5)"),
    (Plain, Plain("a", 5), Struct, "Struct(sku='a', cents=5)"),
    (int, 5, float, "5.0"),
    (int, 5, Decimal, "Decimal('5')"),
    (int, 5, int | None, "5"),
    (date, date(2026, 1, 2), datetime, "datetime.datetime(2026, 1, 2, 0, 0)"),
    (str, "red", Colour, "<Colour.RED: 'red'>"),
    (list[int], [1, 2], tuple[int, ...], "(1, 2)"),
]


@pytest.mark.parametrize(("before", "value", "after", "shown"), GO_ON)
async def test_runs_go_on(sagaline_env: MakeEnvironment, before: Any, value: Any, after: Any, shown: str) -> None:
    old, new = build(before, value), build(after)
    async with sagaline_env(workflows=old[:1], activities=old[1:]) as env:
        handle = await env.start(old[0], value)
        await env.advance("1s")
        await env.deploy(workflows=new[:1], activities=new[1:])
        assert await handle.result() == f"{shown} {shown}"


PARKED = [
    (Order, Order(sku="a"), WithCurrency, r"the input of buy but order\.currency: Field required"),
    (Order, Order(sku="a"), Strict, r"the input of buy but order\.cents: Extra inputs are not permitted"),
    (str, "blue", Colour, r"the input of buy but order: Input should be 'red'"),
    (int, 5, str, r"the input of buy but order: Input should be a valid string"),
]


@pytest.mark.parametrize(("before", "value", "after", "problem"), PARKED)
async def test_a_type_that_does_not_fit_parks_with_the_field_until_one_does(
    sagaline_env: MakeEnvironment, before: Any, value: Any, after: Any, problem: str
) -> None:
    old, wrong = build(before, value), build(after)
    async with sagaline_env(workflows=old[:1], activities=old[1:]) as env:
        handle = await env.start(old[0], value)
        await env.advance("1s")
        await env.deploy(workflows=wrong[:1], activities=wrong[1:])
        with pytest.raises(Stuck, match=problem):
            await handle.result()
        await env.deploy(workflows=old[:1], activities=old[1:])
        assert await handle.result() == f"{value!r} {value!r}"


async def test_a_result_that_does_not_fit_parks_too(sagaline_env: MakeEnvironment) -> None:
    @activity(name="look_up")
    async def old_price() -> Order:
        return Order(sku="a")

    @workflow(name="buy")
    async def old() -> str:
        await old_price()
        await asyncio.sleep(60)
        return "done"

    @activity(name="look_up")
    async def new_price() -> WithCurrency:
        return WithCurrency(sku="a", cents=5, currency="EUR")

    @workflow(name="buy")
    async def new() -> str:
        return (await new_price()).currency

    async with sagaline_env(workflows=[old], activities=[old_price]) as env:
        handle = await env.start(old)
        await env.advance("1s")
        await env.deploy(workflows=[new], activities=[new_price])
        with pytest.raises(Stuck, match=r"the result of look_up but currency: Field required"):
            await handle.result()


async def test_new_parameters_take_their_defaults_in_attempts_that_wait_too(sagaline_env: MakeEnvironment) -> None:
    @activity(name="pay")
    async def pay(cents: int) -> str:
        raise ConnectionError("down")

    @workflow(name="buy")
    async def old(cents: int) -> str:
        return await pay(cents)

    @activity(name="pay")
    async def pay_in(cents: int, currency: str = "EUR") -> str:
        return f"{cents} {currency}"

    @workflow(name="buy")
    async def new(cents: int, gift: bool = False) -> str:
        return f"{await pay_in(cents)} {gift}"

    @activity(name="pay")
    async def pay_where(cents: int, account: str) -> str:
        return account

    async with sagaline_env(workflows=[old], activities=[pay]) as env:
        first, second = await env.start(old, 5), await env.start(old, 6)
        await env.deploy(workflows=[new], activities=[pay_in])
        assert await first.result() == "5 EUR False"
        assert await second.result() == "6 EUR False"
        assert await env.client.execute_by_name("buy", 7, id="by-name") == "7 EUR False"
        await env.deploy(workflows=[old], activities=[pay_where])
        with pytest.raises(RunError, match=r"there are 1 arguments where 2 are taken .*account must be given"):
            await env.execute(old, 8)
