"""What stands in the cloud afterwards, for each way the provisioning can go."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from sagaline import Activity, RunError, RunHandle
from sagaline.testing import Environment, Trial, fail_after_each_step
from sagaline.testing.plugin import MakeEnvironment

from .. import Approval, Cloud, Provisioned, Stack, go_live, provision

STACK = Stack(name="shop", servers=2)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def env(sagaline_env: MakeEnvironment, cloud: Cloud) -> Environment:
    activities: list[Activity[..., Any]] = [
        cloud.create_network,
        cloud.create_database,
        cloud.is_ready,
        cloud.create_server,
        cloud.point_address,
        cloud.ask,
    ]
    return sagaline_env(workflows=[provision], activities=activities)


async def test_an_approved_stack_stands(env: Environment, cloud: Cloud) -> None:
    async with env:
        handle = await env.start(provision, STACK)
        await env.advance("1h")
        assert len(env.calls(Cloud.is_ready)) == 3
        assert len(cloud.resources) == 4
        await handle.signal(go_live, Approval(by="ann", granted=True))
        stack = await handle.result()
        assert stack.servers == ["server-0-in-network-shop", "server-1-in-network-shop"]
        assert len(cloud.resources) == 5


@pytest.mark.parametrize("answer", [Approval(by="ann", granted=False, reason="too dear"), None])
async def test_a_stack_that_nobody_wants_is_taken_down(env: Environment, cloud: Cloud, answer: Approval | None) -> None:
    async with env:
        handle = await env.start(provision, STACK)
        await env.advance("1h")
        if answer is not None:
            await handle.signal(go_live, answer)
        with pytest.raises(RunError, match="too dear" if answer else "nobody has answered within 3d"):
            await handle.result()
        assert cloud.resources == {}
        assert (await env.history(handle)).activities[-1] == "Cloud.delete_network"


async def test_a_cloud_that_fails_for_an_hour_costs_an_hour(env: Environment, cloud: Cloud) -> None:
    async with env:
        env.fail(Cloud.create_server, ConnectionError("no capacity"), attempts=[1, 2, 3])
        handle = await env.start(provision, STACK)
        await env.advance("1h")
        await handle.signal(go_live, Approval(by="ann", granted=True))
        await handle.result()
        assert len(cloud.resources) == 5


async def test_wherever_it_fails_nothing_is_left_that_costs_money(env: Environment, cloud: Cloud) -> None:
    async with env:
        ids = (f"stack-{number}" for number in count())
        yes = Approval(by="ann", granted=True)

        async def begin(stack: Stack) -> RunHandle[Provisioned]:
            return await env.client.start(provision, stack, id=next(ids), signal=go_live.of(yes))

        def check(trial: Trial) -> None:
            assert len(cloud.resources) == (5 if trial.completed else 0)

        trials = await fail_after_each_step(begin, STACK, check, env=env, before=cloud.clear)
        assert {trial.activity for trial in trials} >= {"Cloud.create_network", "Cloud.point_address", "Cloud.ask"}
