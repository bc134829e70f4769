"""Right uses of sagaline.testing: both type checkers accept all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

from kit_sagas import Order, charge, fulfil, reserve

from sagaline import RunHandle
from sagaline.testing import ActivityEnvironment, Call, Environment, EnvironmentOptions, History, Trial, Trials, replay
from sagaline.testing import fail_after_each_step as each_step
from sagaline.testing.plugin import MakeEnvironment


async def reserve_async(order: Order) -> str:
    return order.id


def reserve_sync(order: Order) -> str:
    return order.id


async def use(sagaline_env: MakeEnvironment) -> None:
    options = EnvironmentOptions("sqlite:///x.db", replay_always=True)
    assert_type(Environment(workflows=[fulfil], options=options), Environment)
    async with sagaline_env(workflows=[fulfil], activities=[reserve, charge]) as env:
        env.stand_in(reserve, reserve_async)
        env.stand_in(reserve, reserve_sync)
        env.stand_in(reserve, lambda order: order.id)
        env.fail(charge, ValueError("no"), attempts=range(1, 3))
        env.time_out(charge)
        env.lose_result(charge, attempts=[1])
        assert_type(await env.execute(fulfil, Order("1")), str)
        assert_type(await env.execute(fulfil, order=Order("1")), str)
        handle = await env.start(fulfil, Order("1"))
        assert_type(handle, RunHandle[str])
        assert_type(await env.history(handle), History)
        assert_type(env.calls(reserve), list[Call[str]])
        assert_type(env.calls(charge)[0].result, int | None)
        assert_type(await ActivityEnvironment(attempt=2).run(charge, Order("1")), int)
        history = await handle.export()
        assert_type(history, bytes)
        assert_type(replay(history, fulfil), None)
        replay(Path("x.history.json"), fulfil)
        await env.advance("30d")
        print(await env.execute(fulfil, Order("1")))

        async def begin(order: Order) -> RunHandle[Any]:
            return await env.start(fulfil, order)

        def check(trial: Trial) -> None:
            assert trial.way == "lost"

        assert_type(await each_step(begin, Order("1"), check, env=env, ways=["lost"]), Trials)
        assert_type((await each_step(fulfil, Order("1"), check, env=env, before=print))[0], Trial)
