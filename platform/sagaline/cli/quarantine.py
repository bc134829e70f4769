"""sagaline quarantine: the runs that wait for a person, and what can be done about each."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from sagaline.cli.output import CONFLICT, JSON_OPTION, LOG_OPTION, err, out, print_json, set_up_logging
from sagaline.cli.shapes import plain
from sagaline.client import Client, RunSummary
from sagaline.errors import InvalidInput, RequestRefused

app = typer.Typer(help="Parked and quarantined runs: list them, try them again, give them up.", no_args_is_help=True)
_IDS = typer.Argument(help="Business ids of the runs.")
_TIMEOUT = typer.Option(help="Seconds to wait for the runs' owners.")


@app.command("list")
def list_runs(
    log: Annotated[str, LOG_OPTION],
    timeout: Annotated[float, _TIMEOUT] = 30.0,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Lists all parked runs with their cause, the longest first.

    Example: `sagaline quarantine list --log kafka://broker:9092/orders`
    """
    set_up_logging(verbose=False)
    found = asyncio.run(_list(log, timeout))
    if as_json:
        print_json(plain(found))
    else:
        _print(found)


async def _list(log: str, timeout_s: float) -> list[RunSummary]:
    async with await Client.connect(log) as client:
        return await client.runs("parked", timeout=timeout_s)


def _print(found: list[RunSummary]) -> None:
    if not found:
        out.print("No run is parked.")
        return
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in ("id", "workflow", "since", "event", "cause"):
        table.add_column(name, no_wrap=name != "cause")
    for run in found:
        since = (run.parked_at or run.changed_at).isoformat(timespec="seconds")
        table.add_row(run.workflow_id, run.workflow, since, str(run.events), Text(_why(run)))
    out.print(table)
    out.print("Try again: sagaline quarantine retry ID. Give up: sagaline quarantine release ID --reason WHY.")


@app.command("retry")
def retry(
    log: Annotated[str, LOG_OPTION],
    ids: Annotated[list[str] | None, _IDS] = None,
    everything: Annotated[bool, typer.Option("--all", help="All parked runs.")] = False,
    timeout: Annotated[float, _TIMEOUT] = 30.0,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Takes parked runs up again, with their owners' code of now. Exit code 4 when one parks again at once.

    Example: `sagaline quarantine retry order-17 order-18`
    """
    set_up_logging(verbose=False)
    if bool(ids) == everything:
        raise InvalidInput("Expected the ids of runs, or --all.")
    refused = asyncio.run(_retry(log, ids or [], timeout))
    if as_json:
        print_json(refused)
    for workflow_id, why in refused.items():
        if why is not None:
            err.print(f"{workflow_id}: {why}", markup=False, highlight=False, soft_wrap=True)
        elif not as_json:
            out.print(f"{workflow_id} goes on.", markup=False, highlight=False)
    if any(refused.values()):
        raise typer.Exit(CONFLICT)


async def _retry(log: str, ids: list[str], timeout_s: float) -> dict[str, str | None]:
    """By workflow id: why the run does not go on, or None."""
    found: dict[str, str | None] = {}
    async with await Client.connect(log) as client:
        for workflow_id in ids or [run.workflow_id for run in await client.runs("parked", timeout=timeout_s)]:
            try:
                await client.handle(workflow_id).retry(timeout_s)
                found[workflow_id] = None
            except RequestRefused as error:
                found[workflow_id] = str(error)
    return found


@app.command("release")
def release(
    log: Annotated[str, LOG_OPTION],
    ids: Annotated[list[str], _IDS],
    reason: Annotated[str, typer.Option(help="Why, for the reader of the history.")],
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Gives parked runs up: each is terminated, no code of it runs and nothing is compensated. The reason is on record.

    Example: `sagaline quarantine release order-17 --reason "refunded by hand, ticket 512"`
    """
    set_up_logging(verbose=False)
    asyncio.run(_release(log, ids, reason))
    if as_json:
        print_json(ids)


async def _release(log: str, ids: list[str], reason: str) -> None:
    async with await Client.connect(log) as client:
        parked = {run.workflow_id for run in await client.runs("parked")}
        if strange := sorted(set(ids) - parked):
            raise InvalidInput(f"Expected parked runs but {', '.join(strange)} are not: see sagaline quarantine list.")
        for workflow_id in ids:
            await client.handle(workflow_id).terminate(reason)


def _why(run: RunSummary) -> str:
    return "" if run.failure is None else f"{run.failure.type}: {run.failure.message}"
