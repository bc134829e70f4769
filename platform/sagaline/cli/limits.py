"""sagaline limits: who has slots of which limit, and who waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from sagaline.cli import options
from sagaline.cli.live import waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import out, print_json, say, set_up_logging
from sagaline.cli.shapes import plain
from sagaline.client import LimitDescription, words

app = typer.Typer(invoke_without_command=True)


@app.callback()
def limits(
    context: typer.Context,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Lists the limits that were used within a day: what each allows, how many have it, and how many wait.

    Example: `sagaline limits --log kafka://broker:9092/orders`
    """
    if context.invoked_subcommand is not None:
        return
    set_up_logging(verbose=False)

    async def read() -> list[LimitDescription]:
        async with connected(Link(log)) as client, waiting("the owners of all partitions"):
            return await client.limits.list(timeout=timeout)

    found = asyncio.run(read())
    if as_json:
        print_json(plain(found))
    elif not found:
        say("No limit was used within a day.")
    else:
        _print(found)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Name of the limit, such as charge.customer.")],
    key: Annotated[str | None, typer.Argument(help="The key, of a limit that has one for each.")] = None,
    rate: Annotated[bool, typer.Option("--rate", help="The rate of that name, not the slots.")] = False,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Shows one limit: what it allows, who has it, and who waits, in order.

    Example: `sagaline limits show charge.customer ann`
    """
    set_up_logging(verbose=False)

    async def read() -> LimitDescription:
        async with connected(Link(log)) as client, waiting(f"an answer about limit {name}"):
            return await client.limits.describe(name, key, kind="rate" if rate else "concurrency", timeout=timeout)

    limit = asyncio.run(read())
    if as_json:
        print_json(plain(limit))
        return
    now = datetime.now(UTC)
    say(words.limit(limit))
    for holder in limit.holders:
        say(f"{holder.workflow_id}{_of(holder.key)} has it since {words.clock(holder.since)}")
    for place, one in enumerate(limit.waiters, 1):
        since = f"{words.clock(one.since)} ({words.ago(one.since, now)})"
        say(f"{place}. {one.workflow_id}{_of(one.key)} waits since {since}, priority {one.priority}")


def _of(key: str | None) -> str:
    return "" if key is None else f" ({key})"


def _print(found: list[LimitDescription]) -> None:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in ("limit", "key", "allows", "at work", "waiting"):
        table.add_column(column, no_wrap=column not in ("limit", "key"))
    for limit in found:
        name = limit.name
        at_work = "" if name.kind == "rate" else str(len(limit.holders))
        table.add_row(Text(name.name), Text(name.key or ""), words.allowed(limit), at_work, str(len(limit.waiters)))
    out.print(table)
