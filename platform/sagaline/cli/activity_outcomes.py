"""sagaline activity complete, fail: says from outside what came of an attempt of an activity."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from sagaline.cli import options
from sagaline.cli.live import waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import print_json, say, set_up_logging
from sagaline.cli.values import INPUT_HELP, arguments_of

app = typer.Typer(help="Outcomes of activities that come from outside.", no_args_is_help=True)
_Token = Annotated[str, typer.Argument(help="The token, as activity.info().token gives it.")]


@app.command("complete")
def complete(
    token: _Token,
    value: Annotated[str | None, typer.Option("--input", help=INPUT_HELP)] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
    payloads: Annotated[str | None, options.PAYLOADS] = None,
) -> None:
    """Gives the result of an activity that has ended with `activity.complete_later()`.

    Example: `sagaline activity complete attempt-... --input '{"approved": true}'`
    """
    set_up_logging(verbose=False)
    given = arguments_of(value, None)

    async def run() -> None:
        async with connected(Link(log, payloads)) as client, waiting("the owner of the activity"):
            await client.complete_activity(token, given[0] if given else None, timeout=timeout)

    asyncio.run(run())
    print_json({"token": token}) if as_json else say("The activity is completed.")


@app.command("fail")
def fail(
    token: _Token,
    message: Annotated[str, typer.Argument(help="Why, for the reader of the history.")],
    kind: Annotated[str, typer.Option("--type", help="Type of the error.")] = "ActivityRejected",
    final: Annotated[bool, typer.Option("--final", help="No other attempt is made.")] = False,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Says that an attempt of an activity has failed: it is retried as its policy says.

    Example: `sagaline activity fail attempt-... "the scanner is broken" --final`
    """
    set_up_logging(verbose=False)

    async def run() -> None:
        async with connected(Link(log)) as client, waiting("the owner of the activity"):
            await client.fail_activity(token, message, type=kind, retryable=not final, timeout=timeout)

    asyncio.run(run())
    print_json({"token": token}) if as_json else say("The attempt has failed.")
