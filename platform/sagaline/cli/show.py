"""sagaline show: how a run stands, and its history."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from sagaline.cli.loading import load_payloads
from sagaline.cli.output import JSON_OPTION, LOG_OPTION, PAYLOADS_OPTION, out, print_json, set_up_logging
from sagaline.cli.shapes import plain
from sagaline.client import Client, Description, HistoryEvent
from sagaline.payloads import Payloads

_STYLES = {"completed": "green", "compensated": "yellow", "failed": "red", "parked": "magenta", "running": "cyan"}
_HIDDEN = frozenset({"retry", "timeout_s", "stack"})


def show(
    workflow_id: Annotated[str, typer.Argument(help="The run's business id.")],
    log: Annotated[str, LOG_OPTION],
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the run's owner.")] = 30.0,
    as_json: Annotated[bool, JSON_OPTION] = False,
    payloads: Annotated[str | None, PAYLOADS_OPTION] = None,
) -> None:
    """Shows a run: status, then every event of its history.

    Example: `sagaline show order-1 --log sqlite:///.sagaline/dev.db`
    """
    set_up_logging(verbose=False)
    found, history = asyncio.run(_read(workflow_id, log, timeout, load_payloads(payloads)))
    if as_json:
        print_json(plain(found) | {"history": plain(history)})
    else:
        print_run(found, history)


async def _read(
    workflow_id: str, log: str, timeout_s: float, payloads: Payloads
) -> tuple[Description, list[HistoryEvent]]:
    async with await Client.connect(log, payloads=payloads) as client:
        handle = client.handle(workflow_id)
        return await handle.describe(timeout_s), await handle.history(timeout_s)


def print_run(found: Description, history: list[HistoryEvent]) -> None:
    """A run and its events, for a person."""
    status = Text(found.status, _STYLES.get(found.status, "bold"))
    out.print(Text.assemble((found.workflow_id, "bold"), f"  {found.workflow}  ", status))
    if found.failure is not None:
        out.print(Text(f"{found.failure.type}: {found.failure.message}", "red"))
    if found.result is not None:
        out.print(Text(f"result: {found.result}"))
    print_history(history)


def print_history(history: list[HistoryEvent]) -> None:
    """A line an event."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in ("event", "time (UTC)", "what", "details"):
        table.add_column(name, no_wrap=name != "details")
    for event in history:
        at = event.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:23]
        table.add_row(str(event.id), at, event.type, Text(_details(event.details)))
    out.print(table)


def _details(details: dict[str, Any]) -> str:
    parts: list[str] = []
    for name, value in details.items():
        if name in _HIDDEN:
            continue
        if isinstance(value, datetime):
            value = value.astimezone(UTC).strftime("%H:%M:%S")
        elif name == "failure":
            value = f"{value['type']}: {value['message']}"
        text = str(value)
        parts.append(f"{name}={text if len(text) < 100 else text[:97] + '...'}")
    return "  ".join(parts)
