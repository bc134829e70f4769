"""The manager: one run after the other, each with a short history, for as long as the cluster lives."""

from __future__ import annotations

import asyncio

from sagaline import ActivityError, ApplicationError, workflow

from .activities import check_node, start_node, stop_node
from .models import ClusterState, Node

ROUNDS = 50
"""After so many looks a run hands over to the next: a history is replayed when it is not in memory."""
MOST = 100
_LOOK_EVERY = "1m"
_FAILURES = 2


@workflow
class Cluster:
    """Keeps as many machines as are wanted, and replaces those that stay sick."""

    def __init__(self, state: ClusterState) -> None:
        self.state = state
        self.shutting_down = False

    @workflow.update
    async def resize(self, wanted: int) -> list[str]:
        """How many machines there should be from now on; answers with their names when it is so."""
        self.state.wanted = wanted
        await workflow.wait_condition(lambda: len(self.state.nodes) == self.state.wanted)
        return [node.name for node in self.state.nodes]

    @resize.validator
    def check_size(self, wanted: int) -> None:
        """Refuses what makes no sense, before it is in the history."""
        if not 0 <= wanted <= MOST:
            raise ApplicationError(f"Expected 0 to {MOST} machines but got {wanted}.", type="WrongSize")

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
        await workflow.wait_condition(workflow.all_handlers_finished)
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
