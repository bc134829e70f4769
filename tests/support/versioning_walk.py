"""Scenario 8: a patch is added, deprecated and removed while a run is in flight: who may go on with whose history.

A run begins with one version, its worker is killed, and another version goes on. Where that is not legal the run waits
for code that follows it, with the step named, before anything is asked for; the version that it began with ends it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from scenario_book import effect
from three_modes import NORMAL, Code, Outcome, Run, run_in

from sagaline import Client, Workflow, activity, workflow
from sagaline._model import events as e


@activity
async def pick(order: str) -> str:
    effect(order)
    return order


@activity
async def inspect(order: str) -> str:
    effect(order)
    return order


@activity
async def ship(order: str) -> str:
    effect(order)
    return order


@workflow(name="walk")
async def v1(order: str) -> str:
    await pick(order)
    await ship(order)
    return "old"


@workflow(name="walk")
async def v2(order: str) -> str:
    await pick(order)
    if workflow.patched("inspected"):
        await inspect(order)
        await ship(order)
        return "new"
    await ship(order)
    return "old"


@workflow(name="walk")
async def v3(order: str) -> str:
    await pick(order)
    workflow.deprecate_patch("inspected")
    await inspect(order)
    await ship(order)
    return "new"


@workflow(name="walk")
async def v4(order: str) -> str:
    await pick(order)
    await inspect(order)
    await ship(order)
    return "new"


VERSIONS: list[Workflow[Any, Any]] = [v1, v2, v3, v4]
ACTIVITIES = [pick, inspect, ship]
LEGAL = {(0, 0), (0, 1), (1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 2), (3, 3)}
"""Pairs of the version that has made a history and one that can follow it past the patch."""
PAIRS = [(before, after) for before in range(4) for after in range(4)]
_PATCH_AT = 2
"""The record of the activation that comes to the patch: before it any version may go on, and makes it its own."""


async def scenario(client: Client) -> str:
    """One run."""
    handle = await client.start_by_name("walk", "o", id="walk")
    return str(await handle.result(600))


def code_of(before: int, after: int) -> Code:
    """The run begins with one version; another takes over; the first one again, if there is a second kill."""
    after_kills = [[VERSIONS[after]], [VERSIONS[before]]]
    return Code([VERSIONS[before]], ACTIVITIES, after_kills=after_kills)


def kills_of(pair: tuple[int, int], number: int) -> tuple[int, ...]:
    """The worker is killed after this record; and where its successor parks the run, after that is recorded."""
    return (number,) if number < _PATCH_AT or pair in LEGAL else (number, number + 1)


def check_of(pair: tuple[int, int]) -> Callable[[int, Run], None]:
    """The oracle, given the record after which the worker was killed: 0 for none."""

    def check(number: int, run: Run) -> None:
        maker = pair[1] if 0 < number < _PATCH_AT else pair[0]
        assert run.outcome == undisturbed(maker), f"as version {maker + 1} alone"
        if pair in LEGAL or number < _PATCH_AT or ended_by(run, number):
            assert not [event for event in events_in(run) if isinstance(event, e.RunParked)]
        else:
            check_stop(run, number, Path(__file__).name)

    return check


def check_stop(run: Run, number: int, file: str) -> None:
    """Behind this record the run was stopped at a step that differs, with its place in the file, and nothing was asked
    for by the code that does not follow."""
    stop = run.histories[number]
    (event,) = [event for event in stop.events if isinstance(event, e.RunParked)]
    assert event.reason == "mismatch"
    assert re.search(r"Expected (patch|activity) '\w+'|Expected the run", event.failure.message), event.failure.message
    assert f"{file}:" in event.failure.message, event.failure.message
    assert not [event for event in stop.events if type(event) in e.COMMANDS], "before any command"


def ended_by(run: Run, number: int) -> bool:
    """Whether the run had ended with this record."""
    return isinstance(run.histories[number - 1].events[-1], e.RunCompleted)


def events_in(run: Run) -> list[e.Event]:
    """Of all records."""
    return [event for record in run.histories for event in record.events]


@cache
def undisturbed(version: int) -> Outcome:
    """What a version does alone."""
    return run_in(NORMAL, Code([VERSIONS[version]], ACTIVITIES), scenario).outcome
