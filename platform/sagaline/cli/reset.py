"""sagaline reset: a run begins again from an earlier event."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from sagaline.cli import options
from sagaline.cli.live import waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import print_json, say, set_up_logging
from sagaline.cli.shapes import plain
from sagaline.client import LaterStep, ResetPreview


def reset(
    workflow_id: Annotated[str, options.ID],
    to: Annotated[int, typer.Option("--to", help="The last event that is kept; `sagaline history` marks those.")],
    reason: Annotated[str, typer.Option(help="Why, for the reader of both histories.")],
    by: Annotated[str | None, typer.Option(help="Who asks; by default this user and host.")] = None,
    drop_signals: Annotated[bool, typer.Option(help="Leave the signals that came later.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Say what would happen, and change nothing.")] = False,
    run_id: Annotated[str | None, options.RUN_ID] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Begins a new run with the history of this one up to an event; it goes on from there with today's code.

    This run is ended if it is open. Results up to the event are kept. What came later is not undone, and is done anew
    if the code asks for it: look first, with --preview.

    Example: `sagaline reset order-17 --to 12 --reason "wrong prices, ticket 512"`
    """
    set_up_logging(verbose=False)

    async def run() -> str | ResetPreview:
        async with connected(Link(log)) as client:
            handle = client.handle(workflow_id, run_id)
            async with waiting(f"the owner of {workflow_id}"):
                if preview:
                    return await handle.preview_reset(to, timeout=timeout)
                begun = await handle.reset(to, reason, by=by, drop_signals=drop_signals, timeout=timeout)
                return begun.run_id

    done = asyncio.run(run())
    if isinstance(done, ResetPreview):
        print_json(plain(done)) if as_json else _tell(done)
    elif as_json:
        print_json({"workflow_id": workflow_id, "run_id": done, "to_event": to})
    else:
        say(f"{workflow_id} goes on from event {to} as run {done}.")


def _tell(preview: ResetPreview) -> None:
    for step in preview.repeated:
        say(f"attempted again, under its key: {_name(step)}")
    for step in preview.left:
        undo = f"; {step.compensation} undoes it" if step.compensation else ""
        say(f"stays as it is, and is done anew if the code asks for it: {_name(step)} ({step.outcome}{undo})")
    say(f"signals that come again: {', '.join(preview.signals) or 'none'}")
    if preview.updates:
        say(f"updates that do not: {', '.join(preview.updates)}")


def _name(step: LaterStep) -> str:
    return f"{step.name}, step {step.step}"
