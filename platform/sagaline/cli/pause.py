"""sagaline pause: lets a run stand still."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from sagaline.cli import options
from sagaline.cli.live import waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import print_json, say, set_up_logging


def pause(
    workflow_id: Annotated[str, options.ID],
    reason: Annotated[str, typer.Option(help="Why, for the reader of the history.")] = "paused by a person",
    by: Annotated[str | None, typer.Option(help="Who asks; by default this user and host.")] = None,
    run_id: Annotated[str | None, options.RUN_ID] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Lets a run stand still: no code of it runs and no attempt begins until `sagaline resume`.

    What arrives is recorded and waits; attempts that run may end. Pausing twice is no error.

    Example: `sagaline pause order-17 --reason "the bank is down"`
    """
    set_up_logging(verbose=False)

    async def run() -> None:
        async with connected(Link(log)) as client, waiting(f"the owner of {workflow_id}"):
            await client.handle(workflow_id, run_id).pause(reason, by=by, timeout=timeout)

    asyncio.run(run())
    print_json({"workflow_id": workflow_id}) if as_json else say(f"{workflow_id} is paused.")
