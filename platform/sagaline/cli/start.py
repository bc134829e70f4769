"""sagaline start: starts a run from the command line."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from sagaline.cli import options
from sagaline.cli.live import result_of, waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import print_json, say, set_up_logging
from sagaline.cli.values import JSON_VALUE, SEARCH_HELP, arguments_of, named_values


def start(
    name: Annotated[str, typer.Argument(help="Name of the workflow.")],
    workflow_id: Annotated[str, typer.Option("--id", help="Business id; the same id again gives the same run.")],
    argument: Annotated[
        str | None, typer.Option("--input", help=f"The argument of a workflow that has one: {JSON_VALUE}.")
    ] = None,
    arguments: Annotated[
        list[str] | None, typer.Option("--arg", help=f"One argument of several, in their order: {JSON_VALUE}.")
    ] = None,
    id_conflict: Annotated[
        str, typer.Option(help="When a run of the id is open: join, use-existing, fail or terminate-existing.")
    ] = "join",
    id_reuse: Annotated[
        str, typer.Option(help="When the newest run of the id has ended: join, allow, if-failed or reject.")
    ] = "join",
    delay: Annotated[str | None, typer.Option(help="The run's code begins so much later.")] = None,
    run_timeout: Annotated[
        str | None, typer.Option(help="So long after that it is cancelled, and has failed or is compensated.")
    ] = None,
    memo: Annotated[
        list[str] | None, typer.Option("--memo", help="KEY=JSON, a note for its readers; repeat for more.")
    ] = None,
    search: Annotated[list[str] | None, typer.Option("--search", help=SEARCH_HELP)] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result, and say live what happens.")] = False,
    timeout: Annotated[str, options.TIMEOUT] = "5m",
    on_parked: Annotated[str, typer.Option(help="With --wait, when the run parks: wait, or raise.")] = "wait",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
    payloads: Annotated[str | None, options.PAYLOADS] = None,
) -> None:
    """Starts a run, and with --wait prints its result.

    Example: `sagaline start fulfil_order --id order-1 --input '{"id": "1", "cents": 500}' --wait`
    """
    set_up_logging(verbose=False)
    values = arguments_of(argument, arguments)
    words: dict[str, Any] = {"id_conflict": id_conflict.replace("-", "_"), "id_reuse": id_reuse.replace("-", "_")}
    words |= {"delay": delay, "run_timeout": run_timeout, "memo": named_values(memo, "--memo")}
    words |= {"search_attributes": named_values(search, "--search")}

    async def run() -> None:
        async with connected(Link(log, payloads)) as client:
            async with waiting(f"a worker to take {workflow_id}"):
                handle = await client.start_by_name(name, *values, id=workflow_id, timeout=timeout, **words)
            shown: dict[str, Any] = {"workflow_id": workflow_id, "run_id": handle.run_id}
            if not wait:
                print_json(shown) if as_json else say(f"Run of {workflow_id} has begun: {handle.run_id}")
                return
            result = await result_of(handle, timeout, on_parked)
            print_json(shown | {"result": result} if as_json else result)

    asyncio.run(run())
