"""Right uses of undoing, which the type checkers accept."""

from __future__ import annotations

from typing import assert_type

from sagaline import Client, Description, RunHandle, saga


@saga(undo_window="30d")
async def journey(name: str) -> str:
    return name


async def undoes(client: Client) -> None:
    handle = await client.start(journey, "sea", id="journey-1")
    undoing = await handle.saga.undo(reason="sent back", by="ann")
    assert_type(undoing, RunHandle[str])
    assert_type(await undoing.describe(), Description)
    await handle.terminate("made by mistake", undo=True, by="ann", timeout="10s")
