"""Right uses of the public API: both type checkers accept all of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type
from uuid import UUID

from sagaline import (
    ActivityError,
    ApplicationError,
    Calendar,
    Client,
    Cron,
    Description,
    Every,
    Failure,
    HistoryEvent,
    OpenStep,
    PatchUse,
    Retry,
    RunHandle,
    RunSummary,
    SagaScope,
    ScheduleDescription,
    ScheduleSummary,
    Signal,
    Status,
    Token,
    UpdateHandle,
    WithStart,
    Worker,
    activity,
    saga,
    workflow,
)


@dataclass
class Order:
    id: str


@activity
async def reserve(order: Order) -> str:
    return order.id


@activity(timeout="10s", retry=Retry(attempts=3), queue="gpu")
def charge(order: Order, *, cents: int) -> int:
    return cents


@reserve.compensation
async def release(order: Order, reservation: str | None) -> None: ...


@charge.compensation(timeout="5s", queue="books")
def refund(order: Order, cents: int) -> None: ...


class CardDeclined(ApplicationError):
    retryable = False


class Payments:
    def __init__(self, pool: str) -> None:
        self.pool = pool

    @activity
    async def pay(self, order: Order, *, cents: int = 0) -> int:
        return cents

    @pay.compensation
    async def repay(self, order: Order, cents: int, payment: int | None) -> None: ...

    @activity(
        timeout=timedelta(seconds=5),
        refusals=[ValueError],
        retry=Retry(non_retryable=[KeyError, "card.declined"]),
        retry_if=lambda error: isinstance(error, OSError),
    )
    def check(self, order: Order) -> bool:
        return bool(self.pool)

    @staticmethod
    @activity
    def rate(country: str) -> float:
        return 0.19


payments = Payments("pool")


@saga
async def pay_by_method(order: Order) -> int:
    assert_type(await Payments.check(order), bool)
    assert_type(await Payments.pay(order), int)
    assert_type(await payments.pay.options(timeout=30)(order, cents=5), int)
    assert_type(await Payments.pay.options(retry=Retry(attempts=2))(order, cents=5), int)
    try:
        return await Payments.pay(order, cents=7)
    except ActivityError as error:
        failure: Failure = error.failure
        raise CardDeclined(failure.message) from error


@saga
async def fulfil(order: Order, gift: bool = False) -> int:
    assert_type(await reserve(order), str)
    assert_type(await charge.options(timeout="1m", queue="gpu-2")(order, cents=5), int)
    both = await asyncio.gather(reserve(order), charge(order, cents=1))
    both_typed: tuple[str, int] = both
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(reserve(order))
    assert_type(task.result(), str)
    return both_typed[1]


@activity(pivot=True)
async def capture(order: Order) -> int:
    return 1


@saga(parallel=True, limit=5, strict=True)
async def in_parts(order: Order) -> int:
    async with saga(parallel=True) as scope:
        assert_type(scope, SagaScope)
        point = scope.savepoint()
        assert_type(await reserve.options(compensation=None, read_only=True)(order), str)
        await scope.roll_back_to(point)
    assert_type(await reserve.options(compensation=charge)(order), str)
    return await capture(order)


approved = Signal[Order]("approved")


@workflow(signals=[approved])
async def receives() -> Order:
    assert_type(await approved.receive(), Order)
    assert_type(approved.receive_nowait(Order("none")), Order)
    async for order in approved:
        assert_type(order, Order)
    return await approved.receive()


@workflow
async def waits_outside() -> str:
    token = workflow.token(Order)
    assert_type(token, Token[Order])
    assert_type(await token.result(), Order)
    return token.id


@workflow(retention="1d", failure_exception_types=[ValueError, LookupError])
class Basket:
    @workflow.init
    def __init__(self, customer: str) -> None:
        self.customer = customer

    @workflow.signal
    def add(self, item: Order, count: int) -> None: ...

    @workflow.signal(name="close-it")
    async def close(self) -> None:
        self.add(Order("1"), 2)

    @workflow.signal(dynamic=True)
    def other(self, name: str, args: list[object]) -> None: ...

    @workflow.update
    async def rename(self, item: Order, name: str) -> int:
        return len(name)

    @rename.validator
    def check_rename(self, item: Order, name: str) -> None: ...

    @workflow.update(name="quick")
    def at_once(self) -> str:
        return self.customer

    @workflow.query
    def status(self) -> str:
        return self.customer

    @workflow.query(name="count")
    def count_of(self, item: Order) -> int:
        return len(item.id)

    @workflow.run
    async def run(self, customer: str) -> int:
        return int(workflow.all_handlers_finished())


@saga
class Shipping:
    @workflow.run
    async def run(self) -> None: ...


async def send(client: Client) -> None:
    basket = await client.start(Basket.run, "Ann", id="b")
    assert_type(await basket.result(), int)
    await client.start(Basket.run, "Ann", id="b", signal=Basket.add.of(Order("1"), 2), id_conflict="use_existing")
    assert_type(await client.execute(receives, id="r", signal=approved.of(Order("1"))), Order)
    assert_type(await client.execute(Shipping.run, id="s"), None)
    await basket.signal(Basket.add, Order("1"), 2)
    await basket.signal(Basket.close, timeout="5s")
    await basket.signal(approved, Order("1"))
    await basket.signal("any", 1, [2])
    assert_type(await basket.query(Basket.status), str)
    assert_type(await basket.query(Basket.count_of, Order("1"), timeout="1s"), int)
    await basket.query("status")
    assert_type(await basket.execute_update(Basket.rename, Order("1"), "x", id="u"), int)
    assert_type(await basket.execute_update(Basket.at_once), str)
    update = await basket.start_update(Basket.rename, Order("1"), "x", timeout="5s")
    assert_type(update, UpdateHandle[int])
    assert_type(await update.result("5s"), int)
    await basket.execute_update("rename", {"id": "1"}, "x")
    starting = client.with_start(Basket.run, "Ann", id="b", id_conflict="use_existing", run_timeout="1h")
    assert_type(starting, WithStart[int])
    assert_type(await starting.execute_update(Basket.rename, Order("1"), "x", id="u"), int)
    assert_type(await starting.start_update(Basket.at_once, timeout="5s"), UpdateHandle[str])
    assert_type(starting.handle, RunHandle[int])
    await client.with_start(Shipping.run, id="s", id_reuse="allow").execute_update("any", 1, timeout=None)
    await client.complete_token("t", {"id": "1"})
    await client.reject_token("t", "no", type="No", timeout="5s")
    await client.handle("b").signal(approved, Order("1"), timeout=None)
    Worker("memory://x", workflows=[Basket, Shipping, receives])


@workflow(name="named")
async def plain() -> None: ...


@workflow(retention=timedelta(days=1))
async def whole(order: Order) -> tuple[int, float]:
    assert_type(await fulfil.inline(order), int)
    assert_type(await fulfil.inline(order, gift=True), int)
    both: tuple[int, str] = await asyncio.gather(fulfil.inline(order), reserve(order))
    assert_type(workflow.now(), datetime)
    assert_type(workflow.uuid4(), UUID)
    assert_type(workflow.uuid7(), UUID)
    with workflow.unchecked():
        pass
    await workflow.sleep("10s")
    await workflow.sleep(timedelta(days=30))
    await workflow.wait_condition(lambda: True)
    await workflow.wait_condition(lambda: [1], timeout="1h")
    workflow.logger.info("%s", "sold", extra={"sku": "A"})
    assert_type(workflow.info().workflow_id, str)
    assert_type(workflow.last_result(Order), Order | None)
    assert_type(workflow.due_time(), datetime | None)
    workflow.logger.info("half way")
    return both[0], workflow.random().random()


async def use() -> None:
    worker = Worker("memory://x", workflows=[fulfil, plain], activities=[reserve, charge, payments.pay, Payments.rate])
    async with worker, await Client.connect("memory://x") as client:
        handle = await client.start(fulfil, Order("1"), id="order-1")
        given: dict[str, int] = {"tier": 2}
        await client.start(fulfil, Order("1"), id="o", memo={"note": Order("1")}, search_attributes=given)
        await client.execute_by_name("x", id="o", search_attributes={"tags": ["a"], "due": datetime.now(UTC)})
        assert_type((await client.runs(search_attributes={"tier": 2, "gift": True}))[0].workflow_id, str)
        assert_type((await handle.describe()).memo, dict[str, Any])
        assert_type(await handle.result(), int)
        assert_type(await client.execute(fulfil, Order("1"), True, id="order-2"), int)
        assert_type(await client.execute(plain, id="p"), None)
        again = await client.start(
            fulfil, Order("1"), id="order-1", id_conflict="fail", id_reuse="if_failed", timeout="5s"
        )
        assert_type(await again.result("1m", on_parked="raise"), int)
        assert_type(await client.execute(fulfil, Order("1"), id="order-1", timeout=None, on_parked="wait"), int)
        assert_type(await client.execute(plain, id="p", timeout=timedelta(seconds=3)), None)
        description = await client.handle("order-1", again.run_id).describe(2.5)
        assert_type(description, Description)
        assert_type(description.status, Status)
        assert_type(description.failure, Failure | None)
        assert_type(description.waits_for, tuple[OpenStep, ...])
        assert_type(await handle.history(), list[HistoryEvent])
        assert_type(await client.runs(Status.PARKED), list[RunSummary])
        assert_type(await client.runs("parked", workflow="fulfil", timeout="10s"), list[RunSummary])
        assert_type(await client.patches(workflow="fulfil", timeout=5), list[PatchUse])
        await handle.cancel("changed my mind", timeout=10)
        hourly = Every("1h", offset=timedelta(minutes=5))
        await client.schedules.create("a", fulfil, Order("1"), spec=hourly, overlap="skip", jitter="1m")
        await client.schedules.create("b", fulfil, Order("1"), True, spec=[hourly, Calendar(hour=[9, 18], day="L")])
        await client.schedules.create("c", plain, spec=Cron("0 2 * * *", zone="Europe/Berlin"), if_exists="update")
        await client.schedules.create("d", "fulfil", {"id": "1"}, spec=hourly, end_at=datetime.now(UTC), timeout=5)
        assert_type(await client.schedules.list(), list[ScheduleSummary])
        assert_type(await client.schedules.describe("a"), ScheduleDescription)
        assert_type(await client.schedules.trigger("a", overlap="allow_all"), str)
        assert_type(await client.schedules.backfill("a", datetime.now(UTC), datetime.now(UTC)), int)
        await client.schedules.update("a", spec=hourly, args=[Order("2")], exclude=["2026-12-25"])
        await handle.terminate()
        await (await client.start_by_name("fulfil", {"id": "1"}, id="x")).retry()
