"""Wrong uses of the public API, one a line that ends in "# wrong": both type checkers reject each, and no other line."""

from __future__ import annotations

from dataclasses import dataclass

from sagaline import Client, Cron, Every, Key, Rate, Retry, Signal, Worker, activity, saga, workflow
from sagaline.testing import ActivityEnvironment, Environment, fail_after_each_step, replay


@dataclass
class Order:
    id: str


@activity
async def reserve(order: Order) -> str:
    return order.id


class Payments:
    @activity
    async def pay(self, order: Order, *, cents: int = 0) -> int:
        return cents


@saga
async def pay_by_method(order: Order) -> int:
    await Payments.pay("1")  # wrong
    await Payments.pay(Payments(), order)  # wrong
    await Payments.pay(order, 5)  # wrong
    await Payments().pay(order, cents="5")  # wrong
    await Payments.pay.options(timeout=None, retry=3)(order)  # wrong
    await Payments.pay.options(queue=3)(order)  # wrong
    paid: str = await Payments.pay(order)  # wrong
    return len(paid)


Retry(non_retryable=[5])  # wrong
Retry(attempts=1.5)  # wrong
activity(refusals=["ValueError"])  # wrong
workflow(failure_exception_types=["ValueError"])  # wrong
saga(failure_exception_types=ValueError)  # wrong
activity(timeout=[])  # wrong
activity(pivot="yes")  # wrong
activity(reads_only=True)  # wrong
saga(limit="all")  # wrong
Payments().pay.options(compensation=len)  # wrong
activity(retry_if=lambda: True)  # wrong
Worker("memory://x", workflows=[pay_by_method], activities=[len])  # wrong
Worker("memory://x", workflows=[Payments().pay])  # wrong
Worker("memory://x", queue=1, activities=[])  # wrong
Worker("memory://x", workflows=[pay_by_method], activities=[pay_by_method])  # wrong


@saga
async def fulfil(order: Order) -> int:
    await reserve("1")  # wrong
    await reserve(order, order)  # wrong
    await reserve(ordr=order)  # wrong
    number: int = await reserve(order)  # wrong
    return number


@saga
def not_async(order: Order) -> int:  # the line of the decorator or of the function
    return 1


@workflow
async def whole(order: Order) -> int:
    await fulfil.inline("1")  # wrong
    await fulfil.inline()  # wrong
    await fulfil.inline(order, gift=True)  # wrong
    text: str = await fulfil.inline(order)  # wrong
    print(text)
    workflow.random("seed")  # wrong
    workflow.now().isoformat(7)  # wrong
    workflow.info().run_id = "other"  # wrong
    return await fulfil.inline(order=order)


@workflow(retention=b"1d")  # wrong
async def kept() -> None: ...


@saga(name=7)  # wrong
async def named() -> None: ...


@saga(outcomes="all")  # wrong
async def told() -> None: ...


approved = Signal[Order]("approved")


@workflow(signals=["approved"])  # wrong
async def receives() -> str:
    return await approved.receive()  # wrong


@workflow
class Basket:
    @workflow.signal
    def add(self, item: Order, count: int) -> None: ...

    @workflow.signal  # wrong
    def gives(self) -> int:
        return 1

    @workflow.update
    async def rename(self, item: Order, name: str) -> int:
        return len(name)

    @rename.validator  # wrong
    def check_rename(self, item: str) -> None: ...

    @workflow.query
    def status(self, item: Order) -> str:
        return item.id

    @workflow.run
    async def run(self, customer: str) -> int:
        return len(customer)


async def send(client: Client) -> None:
    basket = await client.start(Basket.run, "Ann", id="b")
    await client.start(Basket.run, 1, id="b")  # wrong
    await client.start(Basket.run, "Ann", id="b", signal=Basket.add.of("1"))  # wrong
    await client.start(Basket.run, "Ann", id="b", signal=approved.of("1"))  # wrong
    await client.start(Basket.run, "Ann", id="b", signal=approved)  # wrong
    await basket.signal(Basket.add, Order("1"))  # wrong
    await basket.signal(Basket.add, Order("1"), "2")  # wrong
    await basket.signal(Basket.add, Order("1"), 2, 3)  # wrong
    await basket.signal(approved, "1")  # wrong
    await basket.signal(approved)  # wrong
    await basket.query(Basket.status)  # wrong
    await basket.query(Basket.status, "1")  # wrong
    await basket.query(Basket.add, Order("1"), 2)  # wrong
    await basket.signal(Basket.status, Order("1"))  # wrong
    await basket.execute_update(Basket.rename, Order("1"))  # wrong
    await basket.execute_update(Basket.rename, Order("1"), 5)  # wrong
    await basket.execute_update(Basket.add, Order("1"), 5)  # wrong
    client.with_start(Basket.run, 1, id="b")  # wrong
    client.with_start(Basket.run, "Ann")  # wrong
    client.with_start(Basket.run, "Ann", id="b", delay="1h")  # wrong
    starting = client.with_start(Basket.run, "Ann", id="b")
    await starting.execute_update(Basket.rename, Order("1"))  # wrong
    await starting.start_update(Basket.rename, Order("1"), 5)  # wrong
    await starting.execute_update(Basket.add, Order("1"), 5)  # wrong
    counted: str = await starting.execute_update(Basket.rename, Order("1"), "x")  # wrong
    print(counted)
    renamed: str = await basket.execute_update(Basket.rename, Order("1"), "x")  # wrong
    print(renamed)
    answer: int = await basket.query(Basket.status, Order("1"))  # wrong
    print(answer)
    await basket.signal(Basket.run, "Ann")  # wrong
    await basket.signal(approved, Order("1"), timeout=b"1")  # wrong
    number: str = await basket.result()  # wrong
    print(number)


async def use(client: Client) -> None:
    await client.start(fulfil, "1", id="x")  # wrong
    await client.start(fulfil, id="x")  # wrong
    await client.start(fulfil, Order("1"))  # wrong
    text: str = await client.execute(fulfil, Order("1"), id="x")  # wrong
    print(text)
    await client.start(fulfil, Order("1"), id=1)  # wrong
    await client.start(fulfil, Order("1"), id="x", id_conflict="use-existing")  # wrong
    await client.start(fulfil, Order("1"), id="x", id_reuse=True)  # wrong
    await client.start(fulfil, Order("1"), id="x", timeout=b"1")  # wrong
    await client.start(fulfil, Order("1"), id="x", memo=["a"])  # wrong
    await client.start(fulfil, Order("1"), id="x", search_attributes={"tier": b"2"})  # wrong
    await client.start(fulfil, Order("1"), id="x", search_attributes={"tier": None})  # wrong
    await client.runs(search_attributes={"order": Order("1")})  # wrong
    await client.start(fulfil, Order("1"), id="x", on_parked="raise")  # wrong
    await client.execute(fulfil, Order("1"), id="x", on_parked="panic")  # wrong
    await client.start(reserve, Order("1"), id="x", retry=3)  # wrong
    handle = await client.start(fulfil, Order("1"), id="x")
    number: str = await handle.result()  # wrong
    print(number)
    await handle.result(on_parked="ignore")  # wrong
    await handle.cancel("why", 3)  # wrong
    client.handle(7)  # wrong
    print((await handle.describe()).epoch)  # wrong
    await client.runs(workflow=fulfil)  # wrong


async def schedules(client: Client) -> None:
    await client.schedules.create("a", fulfil, "1", spec=Every("1h"))  # wrong
    await client.schedules.create("a", fulfil, Order("1"))  # wrong
    await client.schedules.create("a", fulfil, Order("1"), spec="0 2 * * *")  # wrong
    await client.schedules.create("a", fulfil, Order("1"), spec=Every("1h"), overlap="sometimes")  # wrong
    await client.schedules.update("a", workflow=fulfil)  # wrong
    await client.schedules.trigger("a", overlap="never")  # wrong
    await client.schedules.backfill("a", "2026-01-01", "2026-01-02")  # wrong
    Cron(7)  # wrong
    Every("1h", every="2h")  # wrong
    last: str = workflow.last_result(int)  # wrong
    print(last)


async def effects() -> None:
    count: str = workflow.side_effect(lambda: 7)  # wrong
    print(count)
    workflow.side_effect(lambda number: number)  # wrong
    waited: Order = workflow.side_effect(later)  # wrong
    print(waited)
    workflow.side_effect(reserve)  # wrong
    workflow.side_effect(lambda: 7, name=7)  # wrong
    workflow.upsert_search_attributes({"tier": Order("1")})  # wrong
    workflow.upsert_memo([1])  # wrong
    tier: int = workflow.search_attributes()["tier"]  # wrong
    print(tier)
    fulfil.options(search_attributes={"tier": {}})  # wrong


async def later() -> Order:
    return Order("1")


async def kit(env: Environment) -> None:
    env.stand_in(reserve, 5)  # wrong
    env.stand_in(reserve, lambda order, more: order.id)  # wrong
    env.stand_in(reserve, lambda order: 5)  # wrong
    env.fail(reserve, "no")  # wrong
    env.time_out(fulfil)  # wrong
    env.lose_result(reserve, attempts=1)  # wrong
    await env.execute(fulfil, "1")  # wrong
    count: int = env.calls(reserve)[0].result  # wrong
    print(count)
    await ActivityEnvironment().run(reserve, 5)  # wrong
    Environment(activities=[reserve])  # wrong
    await fail_after_each_step(fulfil, Order("1"), lambda trial: None, env=env, ways=["no"])  # wrong
    await fail_after_each_step(fulfil, 7, lambda trial: None, env=env)  # wrong
    await fail_after_each_step(fulfil, Order("1"), lambda: None, env=env)  # wrong
    replay(7, fulfil)  # wrong
    replay("x.json", reserve)  # wrong
    (await env.start(fulfil, Order("1"))).export(path="x")  # wrong


@saga
async def holds_locks_wrongly() -> None:
    workflow.lock(7)  # wrong
    workflow.lock("a", until="then")  # wrong
    workflow.lock("a", "5m")  # wrong
    async with workflow.lock("a") as lock:
        await lock.renew(lease=None, wait=True)  # wrong
        print("".join(lock.fencing_token))  # wrong


def declares_limits_wrongly() -> None:
    Key(7, limit=1)  # wrong
    Key("order", limit="1")  # wrong
    Key.of("bank", total=3)  # wrong
    Rate(100)  # wrong
    Rate("1/s", key=Key("order", limit=1))  # wrong
    activity(concurrency="1")  # wrong
    activity(rate=Key("order", limit=1))  # wrong
    workflow(concurrency=3)  # wrong
    reserve.options(concurrency=3)  # wrong
    reserve.options(rate="1/s")  # wrong
    reserve.compensation(concurrency=Key("order", limit=1))  # wrong


async def undoes_wrongly(env: Environment) -> None:
    handle = await env.start(fulfil, Order("1"))
    await handle.saga.undo()  # wrong
    await handle.saga.undo("sent back")  # wrong
    await handle.terminate("by mistake", undo="yes")  # wrong
    saga(undo_window=["30d"])  # wrong
    print("".join((await handle.describe()).undoes))  # wrong
    fulfil.options(undo="no")  # wrong
