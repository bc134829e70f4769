"""The manager: one run after the other, each with a short history, for as long as the cluster lives."""

from __future__ import annotations

import asyncio

from sagaline import ActivityError, workflow

from .activities import check_node, start_node, stop_node
from .models import ClusterState, Node

ROUNDS = 50
"""After so many looks a run hands over to the next: a history is replayed when it is not in memory."""
_LOOK_EVERY = "1m"
_FAILURES = 2


@workflow
class Cluster:
    """Keeps as many machines as are wanted, and replaces those that stay sick."""

    def __init__(self, state: ClusterState) -> None:
        self.state = state
        self.shutting_down = False

    @workflow.signal
    def resize(self, wanted: int) -> None:
        """How many machines there should be from now on."""
        self.state.wanted = max(0, wanted)

    @workflow.signal
    def shut_down(self) -> None:
        """Stops all machines, and ends."""
        self.shutting_down = True
        self.state.wanted = 0

    @workflow.query
    def status(self) -> ClusterState:
        """How it stands."""
        return self.state

    @workflow.run
    async def run(self, state: ClusterState) -> ClusterState:
        """Looks every minute, and at once when something is wanted."""
        for _ in range(ROUNDS):
            await self._fit()
            if self.shutting_down:
                return self.state
            await self._pause()
            await self._replace_sick_nodes()
            self.state.rounds += 1
        workflow.continue_as_new(self.state)

    async def _pause(self) -> None:
        try:
            await workflow.wait_condition(self._has_work, timeout=_LOOK_EVERY)
        except TimeoutError:
            pass

    def _has_work(self) -> bool:
        return self.shutting_down or len(self.state.nodes) != self.state.wanted

    async def _fit(self) -> None:
        """Starts what is missing, stops what is too much, side by side."""
        state = self.state
        while len(state.nodes) != state.wanted:
            missing = state.wanted - len(state.nodes)
            if missing > 0:
                names = [self._new_name() for _ in range(missing)]
                await asyncio.gather(*(start_node(state.name, name) for name in names))
                state.nodes += [Node(name=name) for name in names]
            else:
                surplus = state.nodes[missing:]
                await asyncio.gather(*(stop_node(state.name, node.name) for node in surplus))
                del state.nodes[missing:]

    async def _replace_sick_nodes(self) -> None:
        nodes = list(self.state.nodes)
        well = await asyncio.gather(*(self._is_well(node) for node in nodes))
        for node, is_well in zip(nodes, well, strict=True):
            node.failures = 0 if is_well else node.failures + 1
        for node in [node for node in nodes if node.failures >= _FAILURES]:
            name = self._new_name()
            await start_node(self.state.name, name)
            await stop_node(self.state.name, node.name)
            self.state.nodes[self.state.nodes.index(node)] = Node(name=name)
            self.state.replaced += 1

    async def _is_well(self, node: Node) -> bool:
        try:
            return await check_node(self.state.name, node.name)
        except ActivityError:
            return False

    def _new_name(self) -> str:
        self.state.started += 1
        return f"node-{self.state.started}"
