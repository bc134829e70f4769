"""What the manager does with its machines, also over many runs."""

from __future__ import annotations

import pytest

from sagaline import RequestRefused, RunHandle
from sagaline.testing import Environment
from sagaline.testing.plugin import MakeEnvironment

from .. import Cluster, ClusterState, check_node, start_node, stop_node
from ..manager import ROUNDS

EU = ClusterState(name="eu")


@pytest.fixture
def env(sagaline_env: MakeEnvironment) -> Environment:
    return sagaline_env(workflows=[Cluster], activities=[start_node, stop_node, check_node])


async def started(env: Environment) -> RunHandle[ClusterState]:
    """The newest run of the cluster, whichever that is."""
    await env.client.start(Cluster.run, EU, id="eu")
    await env.advance("1s")
    return env.client.handle("eu")


async def names(cluster: RunHandle[ClusterState]) -> list[str]:
    return [node.name for node in (await cluster.query(Cluster.status)).nodes]


async def test_it_grows_and_shrinks_as_it_is_told(env: Environment) -> None:
    async with env:
        cluster = await started(env)
        assert await names(cluster) == ["node-1", "node-2", "node-3"]
        assert len(await cluster.execute_update(Cluster.resize, 5)) == 5
        assert await cluster.execute_update(Cluster.resize, 1) == ["node-1"]
        assert len(env.calls(stop_node)) == 4


async def test_a_size_that_makes_no_sense_is_refused_and_leaves_no_trace(env: Environment) -> None:
    async with env:
        cluster = await started(env)
        before = (await cluster.describe()).events
        with pytest.raises(RequestRefused, match="Expected 0 to 100 machines but got 1000") as caught:
            await cluster.execute_update(Cluster.resize, 1_000)
        assert caught.value.type == "WrongSize"
        assert (await cluster.describe()).events == before


async def test_a_machine_that_is_sick_twice_is_replaced(env: Environment) -> None:
    async with env:
        cluster = await started(env)
        env.stand_in(check_node, lambda cluster, name: name != "node-2")
        await env.advance("61s")
        assert await names(cluster) == ["node-1", "node-2", "node-3"], "once is not enough"
        await env.advance("2m")
        assert await names(cluster) == ["node-1", "node-4", "node-3"]
        assert (await cluster.query(Cluster.status)).replaced == 1


async def test_it_lives_through_many_runs_and_loses_nothing(env: Environment) -> None:
    async with env:
        cluster = await started(env)
        await env.advance("3h")
        await cluster.execute_update(Cluster.resize, 4)
        await env.restart()
        await env.advance("1h")
        runs = await env.client.runs(workflow="Cluster")
        assert len(runs) == 1 + 240 // ROUNDS
        assert max(run.events for run in runs) < 1_000
        assert len(await names(cluster)) == 4
        assert len(env.calls(start_node)) == 4


async def test_whoever_has_started_it_is_given_the_end_of_the_last_run(env: Environment) -> None:
    async with env:
        handle = await env.client.start(Cluster.run, EU, id="eu")
        await env.advance("2h")
        await env.client.handle("eu").signal("shut_down")
        ended = await handle.result()
        assert (ended.nodes, ended.name) == ([], "eu")
