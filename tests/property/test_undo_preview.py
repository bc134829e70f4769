"""What a preview says would be undone is what a cancellation then undoes, in that order, with these arguments."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest
from script import Script, fetch, store

from sagaline import ApplicationError, saga, workflow
from sagaline._engine.ledger import COMPLETED, OPEN, ledger_of
from sagaline._model import events as e
from sagaline._model.failure import Failure

Plan = list[Any]


async def perform(plan: Plan) -> None:
    for kind, *args in plan:
        if kind == "store":
            await store(args[0])
        elif kind == "fetch":
            await fetch("x")
        elif kind == "all":
            await asyncio.gather(*(perform(one) for one in args[0]))
        elif kind == "scope":
            async with saga(parallel=args[0], limit=args[1]):
                await perform(args[2])
        elif kind == "fails":
            try:
                async with saga():
                    await perform(args[0])
                    raise ApplicationError("inner")
            except ApplicationError:
                pass


@saga
async def as_saga(plan: Plan) -> None:
    await perform(plan)
    await asyncio.Event().wait()


@saga(parallel=True, limit=2)
async def in_parallel(plan: Plan) -> None:
    await perform(plan)
    await asyncio.Event().wait()


@workflow
async def plain(plan: Plan) -> None:
    await perform(plan)
    await asyncio.Event().wait()


def plan_of(draw: random.Random, depth: int = 0) -> Plan:
    plan: Plan = []
    for _ in range(draw.randint(1, 4)):
        kind = draw.choice(["store", "store", "fetch"] + (["all", "scope", "scope", "fails"] if depth < 3 else []))
        if kind == "store":
            plan.append([kind, f"s{draw.randrange(1_000)}"])
        elif kind == "fetch":
            plan.append([kind])
        elif kind == "all":
            plan.append([kind, [plan_of(draw, depth + 1) for _ in range(draw.randint(2, 3))]])
        elif kind == "scope":
            plan.append([kind, draw.choice([None, False, True]), draw.choice([0, 1, 2]), plan_of(draw, depth + 1)])
        else:
            plan.append([kind, plan_of(draw, depth + 1)])
    return plan


def answer(draw: random.Random, script: Script, fails: float) -> bool:
    """One open activity has an outcome; False when there is none."""
    open_steps = [step for step in script.instance._loop.table.open.values()]
    if not open_steps:
        return False
    step = draw.choice(open_steps)
    is_undo = step.activity.name == "remove"
    if not is_undo and draw.random() < fails:
        clean = draw.random() < 0.5
        script.step(e.ActivityFailed(step.number, 1, Failure("Broken", "why", retryable=False, clean=clean)))
    else:
        result = b"null" if is_undo else b'"r%d"' % draw.randrange(100)
        script.step(e.ActivityCompleted(step.number, 1, result))
    return True


def settle(draw: random.Random, script: Script) -> None:
    """Every open activity completes, in any order."""
    while script.instance._loop.tasks() and answer(draw, script, 0):
        pass


@pytest.mark.parametrize("seed", range(150))
def test_a_preview_is_what_then_happens(seed: int) -> None:
    draw = random.Random(seed)
    code = draw.choice([as_saga, in_parallel, plain])
    script = Script(code, json.dumps([plan_of(draw)]).encode())
    for _ in range(draw.randint(0, 12)):
        if script.instance.finished or not answer(draw, script, 0.03):
            break
    if script.instance.finished:
        return
    plan = ledger_of(script.history).plan()
    before = {number for number in script.instance._loop.table.activities}
    script.step(e.CancelRequested("q", "enough"))
    settle(draw, script)
    events = [event for record in script.history for event in record.events]
    calls = [event for event in events if isinstance(event, e.ActivityScheduled) and event.compensates is not None]
    after = [call for call in calls if call.step not in before]
    undone = [call.compensates for call in after]
    late = {step.number for step in plan.waits_for}
    began = {entry.number for _, batched in plan.groups for batch in batched for entry in batch if entry.undone == OPEN}
    ended = ledger_of(script.history)
    for scope, batched in plan.groups:
        expected = [entry.number for batch in batched for entry in batch if entry.number not in began]
        found = [number for number in undone if number in expected]
        assert found == expected, f"scope {scope} (seed {seed})"
    surprises = set(undone) - {entry.number for _, batched in plan.groups for batch in batched for entry in batch}
    assert surprises <= late | {call.compensates for call in calls if call.step in before}, f"seed {seed}"
    for number in late:
        if ended.entries[number].outcome != "failed":
            assert ended.entries[number].undone == COMPLETED, f"seed {seed}"
    assert len(undone) == len(set(undone)), f"seed {seed}: each once"
