"""A day of a cluster, on a virtual clock: ``python -m sagaline_sagas.cluster_manager``."""

from __future__ import annotations

import asyncio

from sagaline.testing import Environment

from . import Cluster, ClusterState, check_node, start_node, stop_node


async def main() -> None:
    """Grows, shrinks, loses a machine, lives through many runs, and is shut down."""
    async with Environment(workflows=[Cluster], activities=[start_node, stop_node, check_node]) as env:
        handle = await env.client.start(Cluster.run, ClusterState(name="eu"), id="eu")
        await env.advance("12h")
        print(await env.client.handle("eu").execute_update(Cluster.resize, 5))
        env.stand_in(check_node, lambda cluster, name: name != "node-2")
        await env.advance("12h")
        cluster = env.client.handle("eu")
        state = await cluster.query(Cluster.status)
        runs = await env.client.runs(workflow="Cluster")
        print(f"{[node.name for node in state.nodes]} after {state.rounds} looks in {len(runs)} runs")
        await cluster.signal("shut_down")
        ended = await handle.result()
        print(f"{len(ended.nodes)} machines are left, {ended.replaced} was replaced")


if __name__ == "__main__":
    asyncio.run(main())
