"""sagaline update: calls a handler of a run."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from sagaline.cli import options
from sagaline.cli.live import waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import print_json, set_up_logging
from sagaline.cli.values import ARG_HELP, INPUT_HELP, arguments_of


def update_run(
    workflow_id: Annotated[str, options.ID],
    name: Annotated[str, typer.Argument(help="Name of the update.")],
    argument: Annotated[str | None, typer.Option("--input", help=INPUT_HELP)] = None,
    arguments: Annotated[list[str] | None, typer.Option("--arg", help=ARG_HELP)] = None,
    update_id: Annotated[
        str | None, typer.Option("--id", help="Under it the update counts once, however often it is asked for.")
    ] = None,
    run_id: Annotated[str | None, options.RUN_ID] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
    payloads: Annotated[str | None, options.PAYLOADS] = None,
) -> None:
    """Calls a handler of a run, and prints what it answers.

    Example: `sagaline update order-17 add --input '"pear"' --id add-1`
    """
    set_up_logging(verbose=False)
    values = arguments_of(argument, arguments)

    async def run() -> None:
        async with connected(Link(log, payloads)) as client, waiting(f"the owner of {workflow_id}"):
            answer = await client.handle(workflow_id, run_id).execute_update(
                name, *values, id=update_id, timeout=timeout
            )
            print_json({"workflow_id": workflow_id, "update": name, "answer": answer} if as_json else answer)

    asyncio.run(run())
