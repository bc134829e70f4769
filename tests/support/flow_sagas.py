"""Steps and runs with limits of the namespace, and what tests look at."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from sagaline import ApplicationError, Key, Rate, activity, saga, workflow
from sagaline._model.flow import FlowState, flow_id
from sagaline._system.flow.limit import Limit
from sagaline.testing import Environment


@dataclass
class Order:
    customer: str
    cents: int = 100


class Seen:
    """How many were at work at once, by key; what was done, in order."""

    def __init__(self) -> None:
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.done: list[str] = []

    async def work(self, key: str, what: str, seconds: float = 0.0) -> None:
        self.now[key] += 1
        self.most[key] = max(self.most[key], self.now[key])
        await asyncio.sleep(seconds)
        self.now[key] -= 1
        self.done.append(what)


seen = Seen()


def nobody_yet() -> None:
    seen.__init__()  # type: ignore[misc]


@activity(concurrency=Key("order.customer", limit=1))
async def charge(order: Order, what: str = "charged") -> str:
    await seen.work(order.customer, what)
    if what == "refused":
        raise ApplicationError("no", retryable=False)
    return what


@charge.compensation
async def refund(order: Order, what: str) -> None:
    seen.done.append(f"refund {what}")


@activity(concurrency=Key("customer", limit=1, total=2))
async def fair(customer: str, what: str) -> None:
    await seen.work("all", what)


@activity(rate=Rate("2/s"))
async def mail(number: int) -> None:
    seen.done.append(f"mail {number}")


@activity(concurrency=(4, Key.of("a", limit=1), Key.of("b", limit=1)), rate=Rate("10/s", key="who"))
async def several(who: str) -> None:
    await seen.work("several", who)


@saga
async def pays(order: Order, how: str = "ok", count: int = 1) -> str:
    await asyncio.gather(*(charge(order, f"{workflow.info().workflow_id}-{place}") for place in range(count)))
    if how == "fail":
        raise ApplicationError("no")
    return how


@saga
async def waits_outside(order: Order, seconds: float = 10.0) -> str:
    """Its step has no end before somebody says so."""
    await held.options(timeout="1h")(order, seconds)
    return "ok"


@activity(concurrency=Key("order.customer", limit=1, name="held"))
async def held(order: Order, seconds: float) -> None:
    activity.complete_later()


@held.compensation
async def let_go(order: Order, seconds: float) -> None:
    seen.done.append("let go")


@workflow(concurrency=Key("customer", limit=1))
async def one_each(customer: str, seconds: float = 10.0, again: int = 0) -> float:
    began = workflow.now()
    await workflow.sleep(seconds)
    if again:
        workflow.continue_as_new(customer, seconds, again - 1)
    return began.timestamp()


@workflow(rate=Rate("1/m", burst=2))
async def now_and_then() -> float:
    return workflow.now().timestamp()


@workflow
async def fairly(customer: str, count: int) -> None:
    await asyncio.gather(*(fair(customer, f"{customer}{place}") for place in range(count)))


WORKFLOWS: list[Any] = [pays, waits_outside, one_each, now_and_then, fairly]
ACTIVITIES: list[Any] = [charge, fair, mail, several, held]


async def state(env: Environment, name: str, key: str | None = None, kind: str = "slots") -> FlowState:
    return await env.client.handle(flow_id(kind, name, key)).query(Limit.state)
