"""sagaline topics apply: makes a namespace's topics, and says what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from sagaline._log import TopicPlan, open_log
from sagaline._runtime.checks import queue_name
from sagaline.cli import options
from sagaline.cli.output import CONFLICT, err, out, print_json, set_up_logging

app = typer.Typer(help="The topics of a namespace.", no_args_is_help=True)


@app.callback()
def topics() -> None:
    """The topics of a namespace."""


@app.command("apply")
def apply(
    log: Annotated[str, options.LOG] = "",
    partitions: Annotated[int | None, typer.Option(help="Partition count of new topics; it can never change.")] = None,
    replication: Annotated[
        int | None, typer.Option(help="Replicas of new topics; by default 3, or all brokers.")
    ] = None,
    queue: Annotated[
        list[str] | None, typer.Option(help="Also the topics of this task queue; may be given again.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Say what would be done.")] = False,
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Creates missing topics and corrects settings.

    Never shrinks or deletes, and refuses what cannot be mended.

    Example: `sagaline topics apply --log kafka://broker:9092/orders --partitions 16`
    """
    set_up_logging(verbose=False)
    plans = asyncio.run(_apply(options.find_log(log), partitions, replication, _names(queue), dry_run))
    if as_json:
        print_json([asdict(plan) for plan in plans])
    else:
        _print(plans)
    if any(plan.problems for plan in plans):
        raise typer.Exit(CONFLICT)


def _names(queues: list[str] | None) -> list[str]:
    return [queue_name(name, "--queue") for name in queues or ()]


async def _apply(
    url: str, partitions: int | None, replication: int | None, queues: list[str], dry_run: bool
) -> Sequence[TopicPlan]:
    log = open_log(url)
    plans = await log.plan_topics(partitions, replication, queues)
    if not dry_run and not any(plan.problems for plan in plans):
        await log.apply_topics(plans)
    await log.close()
    return plans


def _print(plans: Sequence[TopicPlan]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("topic", "action", "partitions", "settings"):
        table.add_column(name)
    for plan in plans:
        settings = ", ".join(f"{name}={value}" for name, value in plan.changes.items())
        table.add_row(plan.topic, plan.action, str(plan.partitions), settings)
    out.print(table)
    for plan in plans:
        for problem in plan.problems:
            err.print(f"[bold red]refused[/]: {problem}", highlight=False)
