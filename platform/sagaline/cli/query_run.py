"""sagaline query: asks a run's code."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from sagaline.cli import options
from sagaline.cli.live import waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import print_json, set_up_logging
from sagaline.cli.values import ARG_HELP, INPUT_HELP, arguments_of


def query_run(
    workflow_id: Annotated[str, options.ID],
    name: Annotated[str, typer.Argument(help="Name of the query.")],
    argument: Annotated[str | None, typer.Option("--input", help=INPUT_HELP)] = None,
    arguments: Annotated[list[str] | None, typer.Option("--arg", help=ARG_HELP)] = None,
    run_id: Annotated[str | None, options.RUN_ID] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
    payloads: Annotated[str | None, options.PAYLOADS] = None,
) -> None:
    """Asks a run's code, and prints what it answers.

    Example: `sagaline query order-17 status`
    """
    set_up_logging(verbose=False)
    values = arguments_of(argument, arguments)

    async def run() -> None:
        async with connected(Link(log, payloads)) as client, waiting(f"the owner of {workflow_id}"):
            answer = await client.handle(workflow_id, run_id).query(name, *values, timeout=timeout)
            print_json({"workflow_id": workflow_id, "query": name, "answer": answer} if as_json else answer)

    asyncio.run(run())
