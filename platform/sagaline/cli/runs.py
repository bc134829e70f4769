"""sagaline runs: the runs that wait for a person, and what can be done about each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from sagaline.cli import options
from sagaline.cli.list_runs import print_runs, read_runs
from sagaline.cli.live import waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import CONFLICT, complain, print_json, say, set_up_logging
from sagaline.cli.shapes import plain
from sagaline.client import Client, Status, words
from sagaline.errors import InvalidInput, RequestRefused

app = typer.Typer(help="Parked runs: list them, try them again, give them up.", no_args_is_help=True)


@app.command("parked")
def parked(
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Lists all parked runs with their cause, the longest first.

    Example: `sagaline runs parked --log kafka://broker:9092/orders`
    """
    set_up_logging(verbose=False)
    runs = asyncio.run(read_runs(log, Status.PARKED, timeout, system=True))
    if as_json:
        print_json(plain(runs))
        return
    print_runs(runs, "No run is parked.")
    if runs:
        say("Try again: sagaline runs retry ID. Give up: sagaline runs release ID --reason WHY.")
    if any(words.waits_for_a_person(run) for run in runs):
        say("A parked step (StepParked) wants a decision: sagaline saga ledger ID, then saga retry|edit|done|skip ID.")


@app.command("retry")
def retry(
    ids: Annotated[list[str] | None, options.IDS] = None,
    everything: Annotated[bool, typer.Option("--all", help="All parked runs.")] = False,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Takes parked runs up again, with the code of now.

    Exit code 4 when one parks again at once.

    Example: `sagaline runs retry order-17 order-18`
    """
    set_up_logging(verbose=False)
    if bool(ids) == everything:
        raise InvalidInput("Expected the ids of runs, or --all.")

    async def run() -> dict[str, str | None]:
        async with connected(Link(log)) as client:
            chosen = ids or [run.workflow_id for run in await client.runs(Status.PARKED, system=True, timeout=timeout)]
            return await _each(chosen, lambda workflow_id: client.handle(workflow_id).retry(timeout))

    _report(asyncio.run(run()), "goes on", as_json)


@app.command("release")
def release(
    ids: Annotated[list[str], options.IDS],
    reason: Annotated[str, typer.Option(help="Why, for the reader of the history.")],
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Gives parked runs up: each is terminated.

    No code of it runs and nothing is compensated. The reason is on record.

    Example: `sagaline runs release order-17 --reason "refunded by hand, ticket 512"`
    """
    set_up_logging(verbose=False)

    async def run() -> dict[str, str | None]:
        async with connected(Link(log)) as client:
            await _check_parked(client, ids, timeout)
            return await _each(ids, lambda name: client.handle(name).terminate(reason, timeout=timeout))

    _report(asyncio.run(run()), "is given up", as_json)


async def _check_parked(client: Client, ids: list[str], timeout: str) -> None:
    parked_ids = {run.workflow_id for run in await client.runs(Status.PARKED, system=True, timeout=timeout)}
    if strange := sorted(set(ids) - parked_ids):
        raise InvalidInput(f"Expected parked runs but {', '.join(strange)} are not: see sagaline runs parked.")


async def _each(ids: list[str], act: Callable[[str], Awaitable[None]]) -> dict[str, str | None]:
    """By workflow id: why it was refused, or None."""
    refused: dict[str, str | None] = {}
    for workflow_id in ids:
        try:
            async with waiting(f"the owner of {workflow_id}"):
                await act(workflow_id)
            refused[workflow_id] = None
        except RequestRefused as error:
            refused[workflow_id] = str(error)
    return refused


def _report(refused: dict[str, str | None], done: str, as_json: bool) -> None:
    if as_json:
        print_json(refused)
    for workflow_id, why in refused.items():
        if why is not None:
            complain(f"{workflow_id}: {why}")
        elif not as_json:
            say(f"{workflow_id} {done}.")
    if any(refused.values()):
        raise typer.Exit(CONFLICT)
