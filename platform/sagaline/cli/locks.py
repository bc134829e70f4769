"""sagaline locks: who has which lock, and who waits for it."""

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
from sagaline.client import LockDescription, words

app = typer.Typer(invoke_without_command=True)


@app.callback()
def locks(
    context: typer.Context,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Lists the locks that were used within a day: who has each, since when, and how many wait.

    Example: `sagaline locks --log kafka://broker:9092/orders`
    """
    if context.invoked_subcommand is not None:
        return
    set_up_logging(verbose=False)

    async def read() -> list[LockDescription]:
        async with connected(Link(log)) as client, waiting("the owners of all partitions"):
            return await client.locks.list(timeout=timeout)

    found = asyncio.run(read())
    if as_json:
        print_json(plain(found))
    elif not found:
        say("No lock was used within a day.")
    else:
        _print(found)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Name of the lock.")],
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Shows one lock: who has it, under which fencing token, and who waits, in order.

    Example: `sagaline locks show account-7`
    """
    set_up_logging(verbose=False)

    async def read() -> LockDescription:
        async with connected(Link(log)) as client, waiting(f"an answer about lock {name}"):
            return await client.locks.describe(name, timeout=timeout)

    lock = asyncio.run(read())
    if as_json:
        print_json(plain(lock))
        return
    now = datetime.now(UTC)
    say(words.lock(lock, now))
    for place, waiter in enumerate(lock.waiters, 1):
        say(f"{place}. {waiter.workflow_id} waits since {words.clock(waiter.since)} ({words.ago(waiter.since, now)})")


def _print(found: list[LockDescription]) -> None:
    now = datetime.now(UTC)
    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in ("lock", "held by", "for", "lease until", "waiting"):
        table.add_column(column, no_wrap=column != "lock")
    for lock in found:
        since = "" if lock.since is None else words.ago(lock.since, now)
        until = "" if lock.lease_until is None else words.clock(lock.lease_until)
        table.add_row(Text(lock.name), Text(lock.held_by or "-"), since, until, str(len(lock.waiters)))
    out.print(table)
