"""Positions of records when a run waits to begin as which another goes on: never ahead of it, and never back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from virtual_host import VirtualHost, eventually, options_of, registry_of, virtual_host
from virtual_time import virtual

from sagaline import workflow
from sagaline._engine.tables.timers import SetTimer
from sagaline._host.runs.activations import Activations
from sagaline._log import HISTORY
from sagaline._model import events as e
from sagaline._model.records import CancelRun, History, StartRun


@workflow
async def goes_on(number: int) -> None:
    if number == 0:
        await asyncio.sleep(1)
        goes_on.continue_as_new(1)
    await asyncio.sleep(1_000)


@workflow
async def has_a_bug(number: int) -> None:
    if number == 0:
        await asyncio.sleep(1)
        has_a_bug.continue_as_new(1)
    random.random()


def positions(world: VirtualHost) -> list[tuple[str, int]]:
    """The first event of each record, and the commands that it accounts for."""
    records: list[Any] = [record for record in world.records(HISTORY, 0) if isinstance(record, History)]
    return [(type(record.events[0]).__name__, record.commands_position) for record in records]


@asynccontextmanager
async def pending(code: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[VirtualHost]:
    """A run has ended and goes on as another, which has not begun."""
    monkeypatch.setattr(Activations, "begin_next", lambda self, workflow_id: None)
    async with virtual_host(registry_of([goes_on, has_a_bug], []), options_of()) as world:
        world.start(code, "a", 0)
        await world.host.wait_live(1)
        state = world.host.live[0].rows.decided
        await eventually(lambda: (run := state.run("a")) is not None and run.is_pending)
        yield world


@virtual
async def test_a_timer_that_finds_it_pending_takes_no_position_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest command is on record when the timer is due: the timer is no input that a record must not count."""
    async with pending(goes_on, monkeypatch) as world:
        world.host.live[0].rooms.deciding.on_due([SetTimer(0, "a", "the run before", 1)])
        await eventually(lambda: len(positions(world)) == 3)
        assert positions(world) == [("RunStarted", 1), ("TimerFired", 1), ("RunStarted", 1)]


@virtual
async def test_a_start_that_is_decided_anew_takes_no_position_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was read long ago, and the run that would have answered it was retired before the answer was proven."""
    async with pending(goes_on, monkeypatch) as world:
        request = StartRun("again", "a", "goes_on", b"[1]", id_conflict="terminate_existing")
        world.host.live[0].rooms._start(request)
        await eventually(lambda: len(positions(world)) == 5)
        assert [position for _, position in positions(world)] == [1, 1, 1, 1, 1]


@pytest.mark.parametrize("bug", [False, True])
@virtual
async def test_a_run_that_begins_on_the_way_to_a_command_does_not_count_it(
    bug: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor when it is parked at once: a crash between the two records would lose the command."""
    async with pending(has_a_bug if bug else goes_on, monkeypatch) as world:
        world.command("a", CancelRun("stop", "a", "", "enough"))
        await eventually(lambda: len(positions(world)) >= 4)
        first, second = world.records(HISTORY, 0)[-2:]
        assert [type(event) for event in first.events][:2] == [e.RunStarted, e.RunParked if bug else e.TimerStarted]
        assert (first.commands_position, second.commands_position) == (1, 2)
