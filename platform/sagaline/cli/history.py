"""sagaline history: every event of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from rich.table import Table
from rich.text import Text

from sagaline.cli import options
from sagaline.cli.live import waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import out, print_json, set_up_logging
from sagaline.cli.shapes import plain
from sagaline.client import HistoryEvent

_HIDDEN = frozenset({"retry", "timeout_s", "stack"})
_SHOWN = 100


def history(
    workflow_id: Annotated[str, options.ID],
    run_id: Annotated[str | None, options.RUN_ID] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
    payloads: Annotated[str | None, options.PAYLOADS] = None,
) -> None:
    """Prints the events of a run.

    Those that a run may be reset to are marked with a star. Works without a worker too.

    Example: `sagaline history order-1 --json`
    """
    set_up_logging(verbose=False)

    async def read() -> list[HistoryEvent]:
        async with connected(Link(log, payloads)) as client, waiting(f"an answer about {workflow_id}"):
            return await client.handle(workflow_id, run_id).history(timeout)

    events = asyncio.run(read())
    print_json(plain(events)) if as_json else print_history(events)


def print_history(events: Sequence[HistoryEvent]) -> None:
    """A line an event; a star behind its number: the run may be reset to it."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in ("event", "time (UTC)", "what", "details"):
        table.add_column(name, no_wrap=name != "details")
    for event in events:
        at = event.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:23]
        number = f"{event.id}{'*' if event.is_reset_point else ' '}"
        table.add_row(number, at, event.type, Text(_details(event.details)))
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
        parts.append(f"{name}={text if len(text) <= _SHOWN else text[: _SHOWN - 3] + '...'}")
    return "  ".join(parts)
