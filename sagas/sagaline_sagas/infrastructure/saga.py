"""The saga: a network, then a database and servers side by side, then a person, then the address."""

from __future__ import annotations

import asyncio

from sagaline import ApplicationError, Signal, saga, workflow

from .cloud import Cloud
from .models import Approval, Provisioned, Stack

go_live = Signal[Approval]("go_live")
_APPROVAL = "3d"
_LOOK_AGAIN = "30s"


class NotApproved(ApplicationError):
    """A person has said no, or nothing in time: what was built is taken down."""


@saga(signals=[go_live])
async def provision(stack: Stack) -> Provisioned:
    """Builds a stack, or leaves nothing of it, and nothing that costs money."""
    network = await Cloud.create_network(stack.name)
    async with asyncio.TaskGroup() as group:
        database = group.create_task(_database(network))
        servers = [group.create_task(Cloud.create_server(network, number)) for number in range(stack.servers)]
    await _approved(stack)
    address = await Cloud.point_address(stack.name, network)
    return Provisioned(
        network=network,
        database=database.result(),
        servers=[server.result() for server in servers],
        address=address,
    )


async def _database(network: str) -> str:
    """A database takes long: it is asked for, and looked at now and then, which costs nothing in between."""
    database = await Cloud.create_database(network)
    while not await Cloud.is_ready(database):
        await workflow.sleep(_LOOK_AGAIN)
    return database


async def _approved(stack: Stack) -> None:
    await Cloud.ask(stack.approver, f"{stack.name} is built: go live?")
    try:
        async with asyncio.timeout(3 * 86_400):
            approval = await go_live.receive()
    except TimeoutError:
        raise NotApproved(f"nobody has answered within {_APPROVAL}") from None
    if not approval.granted:
        raise NotApproved(f"{approval.by} says no: {approval.reason}")
