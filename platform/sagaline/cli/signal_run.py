"""sagaline signal: sends a signal to a run."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from sagaline.cli import options
from sagaline.cli.live import waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import print_json, say, set_up_logging
from sagaline.cli.values import ARG_HELP, INPUT_HELP, arguments_of


def signal_run(
    workflow_id: Annotated[str, options.ID],
    name: Annotated[str, typer.Argument(help="Name of the signal.")],
    argument: Annotated[str | None, typer.Option("--input", help=INPUT_HELP)] = None,
    arguments: Annotated[list[str] | None, typer.Option("--arg", help=ARG_HELP)] = None,
    run_id: Annotated[str | None, options.RUN_ID] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
    payloads: Annotated[str | None, options.PAYLOADS] = None,
) -> None:
    """Sends a signal to a run, and returns when it is on record.

    Example: `sagaline signal order-17 approve --input '"Ann"'`
    """
    set_up_logging(verbose=False)
    values = arguments_of(argument, arguments)

    async def run() -> None:
        async with connected(Link(log, payloads)) as client, waiting(f"the owner of {workflow_id}"):
            await client.handle(workflow_id, run_id).signal(name, *values, timeout=timeout)

    asyncio.run(run())
    shown = {"workflow_id": workflow_id, "signal": name}
    print_json(shown) if as_json else say(f"{workflow_id} has received the signal {name}.")
