"""sagaline outcomes: what has become of sagas."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from sagaline.cli import options
from sagaline.cli.options import Link, connected
from sagaline.cli.output import complain, out, set_up_logging
from sagaline.cli.shapes import STYLES, plain
from sagaline.cli.values import time_of
from sagaline.client import SagaOutcome, words
from sagaline.client.outcomes import Since


def outcomes(
    since: Annotated[
        str | None,
        typer.Option(help="Those from this time on, with its zone; by default all that are there, with --follow none."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with those that come, until Ctrl-C.")] = False,
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Prints how sagas have ended, which wait for a person, and which go on: one line each, each once.

    With --json each is a JSON object on a line of its own. An outcome stays on its topic for 30 days.

    Example: `sagaline outcomes --follow --json`
    """
    set_up_logging(verbose=False)
    start: Since = "now" if follow else "beginning"
    if since is not None:
        start = time_of(since, "--since to be a time with a zone, such as 2026-11-29T10:00:00Z,")
    asyncio.run(_print_all(log, start, follow, as_json))


async def _print_all(log: str, since: Since, follow: bool, as_json: bool) -> None:
    async with connected(Link(log)) as client:
        told: dict[str, None] = {}
        found = client.outcomes(since, follow=follow)
        if not follow:
            listed = sorted([outcome async for outcome in found], key=lambda outcome: outcome.at)
            for outcome in {outcome.id: outcome for outcome in listed}.values():
                _print(outcome, as_json)
            if not listed and not as_json:
                complain("No saga has ended or was parked since.")
            return
        async for outcome in found:
            if outcome.id not in told:
                told[outcome.id] = None
                if len(told) > _REMEMBERED:
                    del told[next(iter(told))]
                _print(outcome, as_json)


_REMEMBERED = 100_000
"""Ids by which a repeat is known."""


def _print(outcome: SagaOutcome, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.encode(plain(outcome)).decode() + "\n")
        sys.stdout.flush()
        return
    text = Text(f"{words.clock(outcome.at)}  ")
    text.append(f"{outcome.outcome:<11}", STYLES.get(outcome.outcome, ""))
    text.append(f"  {outcome.workflow_id}  {outcome.workflow}{_details(outcome)}")
    out.print(text, soft_wrap=True)


def _details(outcome: SagaOutcome) -> str:
    parts: list[str] = []
    if outcome.step is not None:
        parts.append(f"step {outcome.step}, {outcome.activity}")
    if outcome.failure_type is not None:
        said = "" if outcome.failure_message is None else f": {outcome.failure_message}"
        parts.append(f"{outcome.failure_type}{said}")
    if outcome.action is not None:
        whose = "" if outcome.by is None else f" by {outcome.by}"
        parts.append(f"{outcome.action}{whose}" + ("" if outcome.reason is None else f": {outcome.reason}"))
    if outcome.undone:
        parts.append(f"{outcome.undone} of {outcome.steps} undone")
    return "".join(f"  {part}" for part in parts)
