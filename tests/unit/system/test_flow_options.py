"""What may be said of limits, priority and fairness, where; and what comes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import flow_sagas
import pytest
from flow_sagas import ACTIVITIES, Order, charge, mail, pays, seen

from sagaline import ConfigurationError, Key, Rate, activity, saga, workflow
from sagaline.testing.plugin import MakeEnvironment


@pytest.fixture(autouse=True)
def nobody_yet() -> None:
    flow_sagas.nobody_yet()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Key("customer"),
        lambda: Key("customer", limit=0),
        lambda: Key("customer", limit=1_001),
        lambda: Key("customer", limit=True),
        lambda: Key("", limit=1),
        lambda: Key("a b", limit=1),
        lambda: Key("order.", limit=1),
        lambda: Key.of("", limit=1),
        lambda: Key.of("a/b", limit=1),
        lambda: Key.of("x" * 91, limit=1),
        lambda: activity(priority=0)(charge.definition.fn),
        lambda: activity(priority=6)(charge.definition.fn),
        lambda: charge.options(priority=True),
        lambda: activity(fairness_key="nobody")(charge.definition.fn),
        lambda: charge.options(fairness_key="order.nothing"),
        lambda: Rate("often"),
        lambda: Rate("0/s"),
        lambda: Rate("10000000/s"),
        lambda: Rate("1/s", burst=-1),
        lambda: Rate("1/s", key="a-b"),
        lambda: activity(concurrency=Key("nobody", limit=1))(flow_sagas.mail.definition.fn),
        lambda: activity(concurrency=Key("order.nothing", limit=1))(charge.definition.fn),
        lambda: activity(concurrency=[1, 2])(charge.definition.fn),
        lambda: activity(concurrency=[Key("order", limit=1), Key("order", limit=2)])(charge.definition.fn),
        lambda: activity(concurrency=Rate("1/s"))(charge.definition.fn),  # type: ignore[arg-type]
        lambda: charge.options(concurrency=3),  # type: ignore[arg-type]
        lambda: charge.options(rate="1/s"),  # type: ignore[arg-type]
        lambda: workflow(concurrency=3)(pays.definition.fn),  # type: ignore[call-overload]
        lambda: saga(concurrency=Key("nobody", limit=1))(pays.definition.fn),
        lambda: mail.compensation(concurrency=Key.of("x", limit=1)),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_limit_is_refused_where_it_stands(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="Expected"):
        wrong()


async def test_limits_at_the_call(sagaline_env: MakeEnvironment) -> None:
    @workflow
    async def calls(order: Order) -> list[str]:
        free = charge.options(concurrency=[])
        other = charge.options(concurrency=Key("what", limit=1), rate=Rate("100/s"))
        return [await free(order, "free"), await other(order, "other"), await charge.options(timeout="1s")(order)]

    async with sagaline_env(workflows=[calls], activities=ACTIVITIES) as env:
        assert await env.execute(calls, Order("ann")) == ["free", "other", "charged"]
        ids = {run.workflow_id for run in await env.client.runs(system=True)}
        assert {one for one in ids if "flow" in one} == {
            "sagaline.flow/slots/charge.what/other",
            "sagaline.flow/rate/charge",
            "sagaline.flow/slots/charge.order.customer/ann",
        }


async def test_priority_and_fairness_keys_are_in_history_and_at_limits(sagaline_env: MakeEnvironment) -> None:
    @activity(priority=5, fairness_key="order.customer", concurrency=Key.of("one", limit=1))
    async def late(order: Order) -> None:
        seen.done.append(order.customer)

    @activity(fairness_key="customer")
    async def turns(customer: str) -> None: ...

    @workflow
    async def calls() -> None:
        first = late.options(priority=1)
        await asyncio.gather(*(late(Order(who)) for who in "abc"), first(Order("first")), turns("ann"))

    async with sagaline_env(workflows=[calls], activities=[late, turns]) as env:
        handle = await env.client.start(calls, id="x")
        await handle.result()
        assert seen.done.index("first") <= 1  # behind one that was there before it
        scheduled = [event.details for event in await handle.history() if event.type == "activity scheduled"]
        said = {
            (one["activity"].rpartition(".")[2], one["limits"].get("priority"), one["limits"]["fairness_key"])
            for one in scheduled
        }
        assert said == {
            ("late", 5, "a"),
            ("late", 5, "b"),
            ("late", 5, "c"),
            ("late", 1, "first"),
            ("turns", None, "ann"),
        }
