"""Values and definitions in whole runs, with a worker and a client: what is checked, undone, retried and defaulted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from harness import running
from pydantic import BaseModel, Field

from sagaline import ApplicationError, InvalidInput, RequestRefused, Retry, RunError, activity, saga, workflow

FAST = Retry(attempts=3, first_interval="1ms")


class Declined(Exception):
    """By the bank."""


class Overdrawn(Declined):
    """A kind of it."""


class Payments:
    """An account, and the activities that work on it."""

    def __init__(self) -> None:
        self.log: list[str] = []

    @activity(retry=FAST)
    async def charge(self, order: str, *, cents: int = 1) -> str:
        self.log.append(f"charge {order} {cents}")
        return f"payment-{order}"

    @charge.compensation
    def refund(self, order: str, cents: int, payment: str | None) -> None:
        self.log.append(f"refund {order} {cents} {payment}")


@activity
async def refuse() -> None:
    raise ApplicationError("no", retryable=False)


@saga
async def pay_and_refuse(order: str) -> None:
    await Payments.charge.options(timeout="5s")(order, cents=7)
    await refuse()


async def test_methods_of_an_object_run_and_are_undone_on_that_object() -> None:
    payments = Payments()
    async with running("memory://methods", [pay_and_refuse], [payments.charge, refuse]) as (_, client):
        with pytest.raises(RunError) as raised:
            await client.execute(pay_and_refuse, "a", id="a")
    assert raised.value.failure.message == "no"
    assert payments.log == ["charge a 7", "refund a 7 payment-a"]


async def test_a_saga_undoes_a_step_that_was_called_by_options_taken_before_its_compensation_was_declared() -> None:
    undone: list[str] = []

    @activity
    async def ship(order: str) -> str:
        return order

    patient = ship.options(timeout="5m")

    @ship.compensation
    async def unship(order: str) -> None:
        undone.append(order)

    @saga
    async def deliver(order: str) -> None:
        await patient(order)
        await refuse()

    async with running("memory://early", [deliver], [ship, refuse]) as (_, client):
        with pytest.raises(RunError):
            await client.execute(deliver, "a", id="a")
    assert undone == ["a"]


attempts: list[str] = []


@activity(retry=Retry(attempts=3, first_interval="1ms", non_retryable=[Declined]))
async def declined(kind: str) -> None:
    attempts.append(kind)
    raise {"Declined": Declined, "Overdrawn": Overdrawn, "other": ValueError}[kind](kind)


@workflow
async def try_it(kind: str) -> None:
    await declined(kind)


@pytest.mark.parametrize(("kind", "count"), [("Declined", 1), ("Overdrawn", 1), ("other", 3)])
async def test_a_class_that_is_not_retried_holds_for_its_subclasses(kind: str, count: int) -> None:
    attempts.clear()
    async with running("memory://classes", [try_it], [declined]) as (_, client):
        with pytest.raises(RunError, match=kind):
            await client.execute(try_it, kind, id=kind)
    assert attempts == [kind] * count


class Quote(BaseModel):
    cents: int = Field(gt=0)


@activity(retry=FAST)
async def price(what: str) -> float:
    return {"none": None, "text": "12"}[what]  # type: ignore[return-value]


@activity(retry=FAST)
def quote(what: str) -> Quote:
    return Quote.model_construct(cents=-1)


@saga
async def buy(order: str, what: str) -> str:
    await Payments.charge(order)
    try:
        await (quote(what) if what == "model" else price(what))
    except Exception as error:
        raise ApplicationError(f"caught {getattr(error, 'type', '')}: {error}", retryable=False) from error
    return "bought"


@pytest.mark.parametrize(
    ("what", "problem"), [("none", "got None"), ("text", "'12' (str) would arrive as 12.0"), ("model", "cents: ")]
)
async def test_a_result_of_another_type_fails_the_step_and_the_saga_undoes_the_others(what: str, problem: str) -> None:
    payments = Payments()
    async with running("memory://results", [buy], [payments.charge, price, quote]) as (_, client):
        with pytest.raises(RunError, match="caught InvalidOutput") as raised:
            await client.execute(buy, "a", what, id=what)
    assert problem in str(raised.value)
    assert payments.log == ["charge a 1", "refund a 1 payment-a"]


@dataclass
class Order:
    id: str
    cents: int = 5


@workflow
async def with_defaults(order: Order, gift: bool = False, note: str = "none") -> list[Any]:
    return [order.id, order.cents, gift, note]


async def test_a_start_by_name_may_leave_out_what_has_a_default() -> None:
    async with running("memory://defaults", [with_defaults], []) as (_, client):
        assert await client.execute_by_name("with_defaults", {"id": "1"}, id="1") == ["1", 5, False, "none"]
        assert await client.execute_by_name("with_defaults", {"id": "1"}, True, id="2") == ["1", 5, True, "none"]
        for args in ((), (1, 2, 3, 4), ({"id": "1"}, "maybe")):
            with pytest.raises(RequestRefused, match="Expected the input of with_defaults but"):
                await client.execute_by_name("with_defaults", *args, id="3")


@workflow
async def pass_on(what: str) -> None:
    value: Any = {"nan": float("nan"), "depth": _nested(100), "object": object(), "circle": _circle()}[what]
    try:
        await echo(value)
    except InvalidInput as error:
        raise ApplicationError(f"caught: {error}", retryable=False) from error


@activity
async def echo(value: Any) -> Any:
    return value


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize("what", ["nan", "depth", "object", "circle"])
async def test_what_cannot_be_carried_is_an_error_at_the_call_that_workflow_code_can_catch(what: str) -> None:
    async with running("memory://carried", [pass_on], [echo]) as (_, client):
        with pytest.raises(RunError, match="caught: Expected the input of echo but value"):
            await client.execute(pass_on, what, id=what)
