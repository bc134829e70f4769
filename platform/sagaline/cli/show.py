"""sagaline show: how a run stands and what it has done, once or live."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from sagaline.cli import options
from sagaline.cli.history import print_history
from sagaline.cli.live import Voice, pause_s, standing, waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import complain, out, print_json, print_json_line, say, set_up_logging
from sagaline.cli.shapes import STYLES, plain
from sagaline.client import Description, LimitDescription, LockDescription, RunHandle, Status, words
from sagaline.errors import RequestTimeout

_REDRAW_S = 0.2


def show(
    workflow_id: Annotated[str, options.ID],
    run_id: Annotated[str | None, options.RUN_ID] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show live what happens, until the run ends.")] = False,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
    payloads: Annotated[str | None, options.PAYLOADS] = None,
) -> None:
    """Shows how a run stands and what it has done.

    What it waits for, then every event of its history. Works without a worker too. With --watch: step, attempt,
    failure, and when the next attempt is; with --json too, one line a change.

    Example: `sagaline show order-1 --watch`
    """
    set_up_logging(verbose=False)

    async def run() -> None:
        async with connected(Link(log, payloads)) as client:
            handle = client.handle(workflow_id, run_id)
            if watch:
                async with waiting(f"an answer about {workflow_id}"):
                    description = await handle.describe(timeout)
                await _watch(handle, description, timeout, as_json)
                return
            async with waiting(f"an answer about {workflow_id}"):
                description, events = await asyncio.gather(handle.describe(timeout), handle.history(timeout))
                locks, limits = list[LockDescription](), list[LimitDescription]()
                if not description.unowned_since:
                    locks = await client.locks.of(description, timeout=timeout)
                    limits = await client.limits.of(description, timeout=timeout)
        if as_json:
            print_json(plain(description) | {"history": plain(events)})
        else:
            _print_run(description, locks, limits)
            print_history(events)

    asyncio.run(run())


def _print_run(
    description: Description, locks: Sequence[LockDescription] = (), limits: Sequence[LimitDescription] = ()
) -> None:
    now = datetime.now(UTC)
    status = Text(description.status, STYLES.get(description.status, "bold"))
    out.print(Text.assemble((description.workflow_id, "bold"), f"  {description.workflow}  ", status))
    if description.unowned_since is not None:
        say(words.unowned(description.unowned_since) + " This is read from the log itself.")
    say(f"run {description.run_id}, started {words.clock(description.started_at)}{_ended(description)}")
    if description.status is Status.PARKED:
        out.print(Text(words.parked(description, now), "magenta"), soft_wrap=True)
    elif description.failure is not None:
        out.print(Text(f"{description.failure.type}: {description.failure.message}", "red"), soft_wrap=True)
    if description.paused_at is not None and description.status.is_open:
        out.print(Text(words.paused(description, now), "magenta"), soft_wrap=True)
    if (reset := description.reset_from) is not None:
        out.print(Text(words.reset(reset)), soft_wrap=True)
    if description.reset_to is not None:
        say(f"it was reset: run {description.reset_to} has its first events")
    _print_undo(description)
    if description.cancel_requested and description.status.is_open:
        say("it was asked to stop")
    if description.saga is not None:
        say(words.saga(description.saga))
    _print_waits(description, locks, limits, now)
    if description.signals_left:
        out.print(Text(f"signals that it never received: {words.signals_left(description)}", "red"), soft_wrap=True)
    elif description.signals_waiting:
        say(f"signals that it has not received yet: {description.signals_waiting}")
    if description.search_attributes:
        say(f"search attributes: {json.dumps(plain(description.search_attributes))}")
    if description.memo:
        say(f"memo: {json.dumps(description.memo)}")
    if description.result is not None:
        say(f"result: {json.dumps(description.result)}")


def _print_undo(description: Description) -> None:
    if description.undoes is not None:
        what = (
            "it is undone, without its code"
            if description.undoes == description.run_id
            else (f"it undoes run {description.undoes}")
        )
        out.print(Text(f"{what}: {description.undo_by} says {description.undo_reason!r}"), soft_wrap=True)
    if description.undone_by is not None:
        say(f"it is undone by run {description.undone_by}")


def _print_waits(
    description: Description, locks: Sequence[LockDescription], limits: Sequence[LimitDescription], now: datetime
) -> None:
    for step in description.waits_for:
        if step.kind != "limit" or not limits:
            say(f"waits for {words.step(step, now)}")
    for limit in limits:
        say(words.limit_of_run(limit, description.workflow_id))
    for lock in locks:
        say(words.lock_of_run(lock, description.workflow_id, now))


def _ended(description: Description) -> str:
    return "" if description.closed_at is None else f", ended {words.clock(description.closed_at)}"


async def _watch(handle: RunHandle[Any], description: Description, timeout: str, as_json: bool) -> None:
    """Says each change until the run has ended."""
    voice = Voice()
    said: object = None
    try:
        while True:
            _, news = standing(description)
            if as_json and news != said:
                print_json_line(plain(description))
            said = news
            if not description.status.is_open:
                break
            await (asyncio.sleep(pause_s(description)) if as_json else _redraw(voice, description))
            try:
                description = await handle.describe(timeout)
            except RequestTimeout as error:
                complain(str(error))
    finally:
        voice.stop()
    if not as_json:
        _print_run(description)
        print_history(await handle.history(timeout))


async def _redraw(voice: Voice, description: Description) -> None:
    """The times in the line run on until it is time to look again."""
    loop = asyncio.get_running_loop()
    until = loop.time() + pause_s(description)
    while loop.time() < until:
        voice.say(*standing(description))
        await asyncio.sleep(_REDRAW_S)
