"""sagaline show: a run's status and history."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, cast

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from sagaline._model.records import History
from sagaline._payloads import Payloads, describe, is_sealed
from sagaline.cli.loading import load_payloads
from sagaline.cli.output import JSON_OPTION, LOG_OPTION, PAYLOADS_OPTION, out, print_json, set_up_logging
from sagaline.client import Client, Description

_STYLES = {"completed": "green", "compensated": "yellow", "failed": "red", "parked": "magenta", "running": "cyan"}


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
        shown = asdict(found) | {"failure": _plain(found.failure), "history": [_as_dict(one) for one in history]}
        print_json(shown)
    else:
        _print(found, history)


async def _read(workflow_id: str, log: str, timeout_s: float, payloads: Payloads) -> tuple[Description, list[History]]:
    async with await Client.connect(log, payloads=payloads) as client:
        handle = client.handle(workflow_id)
        return await handle.describe(timeout_s), await handle.history(timeout_s)


def _plain(value: Any) -> Any:
    """Structs as dicts, and payloads as the JSON they are."""
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, bytes) and is_sealed(value):
        return describe(value)
    if isinstance(value, bytes):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value.hex()
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)  # type: ignore[redundant-cast]  # pyright needs it
        return [_plain(one) for one in items]
    return value


def _as_dict(record: History) -> dict[str, Any]:
    events = [
        {"id": record.first_event_id + number, "type": type(event).__name__, **_plain(event)}
        for number, event in enumerate(record.events)
    ]
    return {"at": _time(record.at), "epoch": record.epoch, "events": events}


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _print(found: Description, history: list[History]) -> None:
    status = Text(found.status, _STYLES.get(found.status, "bold"))
    out.print(Text.assemble((found.workflow_id, "bold"), f"  {found.workflow}  ", status))
    if found.failure is not None:
        out.print(Text(f"{found.failure.type}: {found.failure.message}", "red"))
    if found.result is not None:
        out.print(Text(f"result: {found.result}"))
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in ("event", "time", "what", "details"):
        table.add_column(name, no_wrap=name != "details")
    for record in history:
        for number, event in enumerate(record.events):
            event_id = str(record.first_event_id + number)
            table.add_row(event_id, _time(record.at)[11:23], type(event).__name__, Text(_details(_plain(event))))
    out.print(table)


def _details(event: dict[str, Any]) -> str:
    hidden = {"retry", "reply_to", "reply_partition", "reply_when", "request_id", "timeout_ms"}
    parts: list[str] = []
    for name, value in event.items():
        if name in hidden or value is None:
            continue
        if name == "failure":
            value = f"{value['type']}: {value['message']}"
        text = str(value)
        parts.append(f"{name}={text if len(text) < 100 else text[:97] + '...'}")
    return "  ".join(parts)
