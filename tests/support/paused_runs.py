"""A run is paused while its activity and its child are at work: what they come to is recorded, nothing of it runs."""

from __future__ import annotations

import asyncio
import contextlib

from cancel_matrix import Until, stands
from scenario_book import effect, gate, open_gate
from three_modes import Code, Run

from sagaline import Client, RequestRefused, activity, workflow
from sagaline._model import events as e


@activity(timeout="1d")
async def held(what: str) -> str:
    """Ends when the scenario lets it."""
    await gate("held")
    effect(what)
    return what


@activity
async def quick(what: str) -> str:
    effect(what)
    return what


@workflow
async def child(what: str) -> str:
    return await held(what)


@workflow
async def parent() -> list[str]:
    async def own() -> str:
        return await quick(await held("own"))

    async def of_child() -> str:
        return await quick(await child.options(id="child")("of the child"))

    return list(await asyncio.gather(own(), of_child()))


CODE = Code([parent, child], [held, quick])


async def scenario(client: Client) -> list[str]:
    """Pauses the parent while both are at work, and lets it go on when the child has ended. Its own activity may have
    ended too, or have lost its worker: no attempt begins before the run goes on."""
    handle = await client.start(parent, id="run")
    for until in (Until(1, "activity scheduled"), Until(1, "activity scheduled", "child")):
        await stands(client, until)
    await handle.pause("audit", by="ann")
    open_gate("held")
    await stands(client, Until(1, "child ended"))
    paused = await handle.describe()
    assert (paused.status, paused.paused_by, paused.pause_reason) == ("running", "ann", "audit")
    with contextlib.suppress(RequestRefused):  # asked again after a kill, it may find that the run has ended
        await handle.resume("done", by="bob")
    return await handle.result(120)


def check_pause(run: Run) -> None:
    """The child's end is recorded while the run is paused, and it asks for nothing."""
    events = [event for record in run.histories if record.workflow_id == "run" for event in record.events]
    (begin,) = [place for place, event in enumerate(events) if isinstance(event, e.RunPaused)]
    (end,) = [place for place, event in enumerate(events) if isinstance(event, e.RunUnpaused)]
    meanwhile = [type(event) for event in events[begin + 1 : end]]
    assert e.ChildEnded in meanwhile
    assert not e.COMMANDS & set(meanwhile)
