"""What each of the three nets makes of a scenario of ``nondeterminism``: where it stops it, or "" if it does not.

Each net is measured alone. The second is off where the third is: a run that began before there were forbidden calls has
no such flag.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
from nondeterminism import Scenario, load
from script import Script

from sagaline._host import forbidden
from sagaline._model import events as e
from sagaline._model.events import Command
from sagaline._runtime import watching
from sagaline._runtime.bugs import MISMATCH, WorkflowBug
from sagaline._runtime.definitions import Registry
from sagaline._runtime.flags import CURRENT, FORBIDDEN_CALLS_RAISE
from sagaline._runtime.replaying import replay
from sagaline._runtime.setup import Setup
from sagaline.checker import check
from sagaline.testing import Environment, EnvironmentOptions, HashSeedMismatch

_UNWATCHED = tuple(flag for flag in CURRENT if flag != FORBIDDEN_CALLS_RAISE)
_TRIALS = 64
"""Runs that are replayed: of two places that one run in four shows each, one is missed once in 10**7 times."""
HASH_SEEDS = (1, 2)
_ENVIRONMENT = "SAGALINE_TEST_REGION"


def checker(scenario: Scenario) -> str:
    """Net 1: place and code of its finding."""
    report = check([scenario.file], earlier=None if scenario.before is None else [scenario.before])
    return "; ".join(f"{scenario.file.name}:{found.place.line} {found.code}" for found in report.findings)


def run_time(scenario: Scenario, folder: Path) -> str:
    """Net 2: the place of the call that it refuses."""
    code = _code(scenario.file)
    forbidden.watch(code[1].registry)
    watching.count_anew()  # on Python 3.11 it looks at samples: at the first of all runs
    try:
        _run(code, _region(folder, "south"), CURRENT)
    except WorkflowBug as bug:
        assert bug.failure.type == "ForbiddenInWorkflow", bug.failure
        return _place(bug.failure.message)
    return ""


def replays(scenario: Scenario, folder: Path) -> str:
    """Net 3 in one process: the places of the steps that are others than in history, once the world, or the code, is."""
    places: set[str] = set()
    for _ in range(_TRIALS):
        before = _code(scenario.before or scenario.file)
        with mock.patch.dict(os.environ, {_ENVIRONMENT: "south"}):
            history = _run(before, _region(folder, "south"), _UNWATCHED).history
        after = before if scenario.before is None else _code(scenario.file)
        _region(folder, "north")
        try:
            with mock.patch.dict(os.environ, {_ENVIRONMENT: "north"}):
                replay(after[1], history).instance.evict()
        except WorkflowBug as bug:
            assert bug.reason == MISMATCH, bug.failure
            assert bug.difference is not None
            places.add(_place(bug.difference.place))
    return " or ".join(sorted(places))


async def other_hash_seeds(scenario: Scenario) -> str:
    """Net 3 in other processes: the place of the step that is another with another hash seed."""
    module = load(scenario.file)
    options = EnvironmentOptions(replay_always=True, hash_seeds=HASH_SEEDS)
    activities = [module.reserve, module.charge, module.ship]
    try:
        async with Environment(workflows=[module.order], activities=activities, options=options) as env:
            await env.execute(module.order, "")
    except HashSeedMismatch as error:
        return _place(str(error))
    return ""


def _code(file: Path) -> tuple[Any, Setup]:
    """The workflow of a file, and what a worker with it has."""
    module = load(file)
    activities = [value.definition for name, value in vars(module).items() if name in _ACTIVITIES]
    return module.order, Setup(Registry([module.order.definition], activities))


_ACTIVITIES = ("reserve", "charge", "ship", "move")


def _run(code: tuple[Any, Setup], argument: str, flags: tuple[int, ...]) -> Script:
    """A whole run, kept in memory."""
    order, setup = code
    script = Script(order, msgspec.json.encode([argument]), setup=setup, flags=flags)
    commands: Sequence[Command] = script.commands
    while asked := [command for command in commands if isinstance(command, e.ActivityScheduled)]:
        commands = script.done(asked[0].step)
    script.instance.evict()
    return script


def _region(folder: Path, name: str) -> str:
    """The path of a file that has the name of a region in it."""
    (folder / "region").write_text(name)
    return str(folder / "region")


def _place(text: str) -> str:
    found = re.search(r"(\w+\.py:\d+)", text)
    assert found, text
    return found[1]
