"""sagaline start: starts a run from the command line."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from sagaline.cli.loading import load_payloads
from sagaline.cli.output import JSON_OPTION, LOG_OPTION, PAYLOADS_OPTION, out, print_json, set_up_logging
from sagaline.client import Client
from sagaline.errors import InvalidInput
from sagaline.payloads import Payloads


class Link(NamedTuple):
    """Where the log is, and how its payloads are read."""

    log: str
    payloads: Payloads


def start(
    name: Annotated[str, typer.Argument(help="Name of the workflow.")],
    log: Annotated[str, LOG_OPTION],
    workflow_id: Annotated[str, typer.Option("--id", help="Business id; the same id again gives the same run.")],
    given: Annotated[
        str,
        typer.Option("--input", help="The arguments: a JSON array, or one JSON value; @file, or - for standard input."),
    ] = "[]",
    wait: Annotated[bool, typer.Option(help="Wait for the result.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for it.")] = 300.0,
    as_json: Annotated[bool, JSON_OPTION] = False,
    payloads: Annotated[str | None, PAYLOADS_OPTION] = None,
) -> None:
    """Starts a run, and with --wait prints its result.

    Example: `sagaline start fulfil_order --input '[{"id": "1"}]' --id order-1 --log sqlite:///.sagaline/dev.db --wait`
    """
    set_up_logging(verbose=False)
    link = Link(log, load_payloads(payloads))
    asyncio.run(_start(name, link, workflow_id, _payload(given), timeout if wait else None, as_json))


async def _start(
    name: str, link: Link, workflow_id: str, args: list[Any], timeout_s: float | None, as_json: bool
) -> None:
    async with await Client.connect(link.log, payloads=link.payloads) as client:
        handle = await client.start_by_name(name, *args, id=workflow_id)
        shown: dict[str, Any] = {"workflow_id": workflow_id, "run_id": handle.run_id}
        if timeout_s is not None:
            shown["result"] = await handle.result(timeout_s)
    if as_json:
        print_json(shown)
    elif timeout_s is not None:
        print_json(shown["result"])
    else:
        out.print(f"Run of {workflow_id} has begun: {handle.run_id}", markup=False, highlight=False)


def _payload(given: str) -> list[Any]:
    text = given
    if given == "-":
        text = sys.stdin.read()
    elif given.startswith("@"):
        try:
            text = Path(given[1:]).read_text("utf-8")
        except OSError as error:
            raise InvalidInput(f"Expected --input @FILE to be readable but {error}.") from error
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"Expected --input to be JSON but {error}.") from error
    return value if isinstance(value, list) else [value]
