"""sagaline result: waits for a run's end and prints what came of it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from sagaline.cli import options
from sagaline.cli.live import result_of
from sagaline.cli.options import Link, connected
from sagaline.cli.output import print_json, set_up_logging


def result(
    workflow_id: Annotated[str, options.ID],
    run_id: Annotated[str | None, options.RUN_ID] = None,
    timeout: Annotated[str, options.TIMEOUT] = "5m",
    on_parked: Annotated[str, typer.Option(help="When the run parks: wait, or raise.")] = "wait",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
    payloads: Annotated[str | None, options.PAYLOADS] = None,
) -> None:
    """Waits for a run's end and prints its result.

    The result is JSON; what happens until then is said live. The exit code is 1 when the run ended without a result.
    Works without a worker too, for a run that has ended.

    Example: `sagaline result order-1 --timeout 10s`
    """
    set_up_logging(verbose=False)

    async def run() -> None:
        async with connected(Link(log, payloads)) as client:
            value = await result_of(client.handle(workflow_id, run_id), timeout, on_parked)
        print_json({"workflow_id": workflow_id, "result": value} if as_json else value)

    asyncio.run(run())
