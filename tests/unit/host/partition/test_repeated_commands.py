"""Commands to a run that come again after they were done: each is answered as done, and does nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from virtual_host import VirtualHost, eventually, options_of, registry_of, virtual_host
from virtual_time import virtual

from sagaline import workflow
from sagaline._log import HISTORY
from sagaline._model import events as e
from sagaline._model.records import (
    CancelRun,
    History,
    PauseRun,
    RetryRun,
    TerminateRun,
    UnpauseRun,
)

mended = False


@workflow
async def naps(parks: bool) -> None:
    if parks and not mended:
        raise LookupError("not mended yet")
    await asyncio.sleep(1_000)


REGISTRY = registry_of([naps], [])
COMMANDS: list[tuple[Callable[..., Any], tuple[str, ...]]] = [
    (RetryRun, ()),
    (PauseRun, ("why", "ann")),
    (UnpauseRun, ("why", "ann")),
    (CancelRun, ("why",)),
    (TerminateRun, ("why",)),
]


def happened(world: VirtualHost) -> list[e.Event]:
    return [event for record in world.records(HISTORY, 0) if isinstance(record, History) for event in record.events]


@pytest.mark.parametrize(("kind", "fields"), COMMANDS, ids=[kind.__name__ for kind, _ in COMMANDS])
@pytest.mark.parametrize("meanwhile", ["", "ended"])
@virtual
async def test_the_answer_is_the_same_and_nothing_happens_twice(
    kind: Callable[..., Any], fields: tuple[str, ...], meanwhile: str
) -> None:
    global mended
    mended = kind is not RetryRun
    async with virtual_host(REGISTRY, options_of()) as world:
        world.start(naps, "w", True)
        await eventually(lambda: world.host.live and world.host.live[0].rows.durable.run("w"))
        rows = world.host.live[0].rows
        if kind is RetryRun:
            await eventually(lambda: rows.durable.run("w").status == "parked")
            mended = True
        if kind is UnpauseRun:
            world.command("w", PauseRun("before", "w", "why", "ann"))
        run_id = rows.durable.run("w").run_id
        request = kind("r", "w", *fields, "client", 0, run_id)
        world.command("w", request)
        first = await world.answer("r")
        assert (first.kind, first.run_id) == ("accepted", run_id)
        events = happened(world)
        if meanwhile:
            world.command("w", TerminateRun("end", "w", "why"))
            await eventually(lambda: rows.durable.run("w").closed)
            events = happened(world)
        world.command("w", request)
        await eventually(lambda: len(world.answers("r")) == 2)
        again = world.answers("r")[1]
        assert (again.kind, again.run_id, again.failure) == ("accepted", run_id, again.failure)
        assert happened(world) == events
        assert world.claims() == [1]
