"""sagaline cancel: asks a run to stop."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from sagaline.cli import options
from sagaline.cli.live import waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import print_json, say, set_up_logging


def cancel(
    workflow_id: Annotated[str, options.ID],
    reason: Annotated[str, typer.Option(help="Why, for the reader of the history.")] = "cancelled by a person",
    run_id: Annotated[str | None, options.RUN_ID] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Asks a run to stop; a saga undoes what it has done.

    Returns when that is on record, not when the run has ended.

    Example: `sagaline cancel order-17 --reason "the customer called"`
    """
    set_up_logging(verbose=False)

    async def run() -> None:
        async with connected(Link(log)) as client, waiting(f"the owner of {workflow_id}"):
            await client.handle(workflow_id, run_id).cancel(reason, timeout=timeout)

    asyncio.run(run())
    print_json({"workflow_id": workflow_id}) if as_json else say(f"{workflow_id} is asked to stop.")
