"""sagaline terminate: ends a run at once."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from sagaline.cli import options
from sagaline.cli.live import waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import print_json, say, set_up_logging


def terminate(
    workflow_id: Annotated[str, options.ID],
    reason: Annotated[str, typer.Option(help="Why, for the reader of the history.")] = "terminated by a person",
    run_id: Annotated[str | None, options.RUN_ID] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Undo what its steps have done, without its code; it ends compensated.")
    ] = False,
    by: Annotated[str | None, typer.Option(help="With --undo, who says so; by default this user and host.")] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Ends a run at once: no code of it runs, nothing is compensated, unless --undo says so.

    With --undo its steps are compensated first, the newest first, also those of a run whose code is broken, or that is
    paused or parked.

    Example: `sagaline terminate order-17 --undo --reason "made by mistake"`
    """
    set_up_logging(verbose=False)

    async def run() -> None:
        async with connected(Link(log)) as client, waiting(f"the owner of {workflow_id}"):
            await client.handle(workflow_id, run_id).terminate(reason, undo=undo, by=by, timeout=timeout)

    asyncio.run(run())
    if as_json:
        print_json({"workflow_id": workflow_id})
    elif undo:
        say(f"{workflow_id} is undone, without its code. Follow it: sagaline show {workflow_id} --watch")
    else:
        say(f"{workflow_id} has ended: terminated.")
