"""sagaline list: the runs of a namespace."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from sagaline.cli import options
from sagaline.cli.live import waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import out, print_json, say, set_up_logging
from sagaline.cli.shapes import STYLES, plain
from sagaline.cli.values import SEARCH_HELP, named_values
from sagaline.client import RunSummary, words


def list_runs(
    status: Annotated[
        str | None,
        typer.Option(
            help="running, parked, completed, failed, compensated, cancelled, terminated or continued; all without it."
        ),
    ] = None,
    workflow: Annotated[str | None, typer.Option(help="Name of a workflow: its runs alone.")] = None,
    search: Annotated[list[str] | None, typer.Option("--search", help=SEARCH_HELP)] = None,
    system: Annotated[
        bool, typer.Option("--system", help="Those of the platform itself too, such as schedules.")
    ] = False,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Lists runs, all or those of a status, a workflow, or with search attributes.

    The oldest is first. Works without a worker too.

    Example: `sagaline list --status failed --search tier=2`
    """
    set_up_logging(verbose=False)
    wanted = named_values(search, "--search")
    runs = asyncio.run(read_runs(log, status, timeout, workflow, wanted, system))
    if as_json:
        print_json(plain(runs))
    else:
        whose = "" if workflow is None else f" of {workflow}"
        print_runs(runs, f"No run{whose} is {status or 'there'}.")


async def read_runs(
    log: str,
    status: str | None,
    timeout: str,
    workflow: str | None = None,
    search: dict[str, Any] | None = None,
    system: bool = False,
) -> list[RunSummary]:
    """The runs of every partition."""
    async with connected(Link(log)) as client, waiting("the owners of all partitions"):
        return await client.runs(status, workflow=workflow, search_attributes=search, system=system, timeout=timeout)


def print_runs(runs: Sequence[RunSummary], none: str) -> None:
    """A line a run; ``none`` is said when there is none."""
    if not runs:
        say(none)
        return
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in ("id", "workflow", "status", "since (UTC)", "why"):
        table.add_column(name, no_wrap=name in ("id", "status", "since (UTC)"))
    for run in runs:
        since = run.closed_at or run.parked_at or run.started_at
        why = "" if run.failure is None else f"{run.failure.type}: {run.failure.message}"
        said = run.status if run.paused_at is None or run.closed_at else f"{run.status}, paused"
        status = Text(said, STYLES.get(run.status, ""))
        table.add_row(Text(run.workflow_id), Text(run.workflow), status, words.clock(since)[:19], Text(why))
    out.print(table)
