"""What a preview says would be undone is what a cancellation then undoes, in that order, with these arguments."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import msgspec
import pytest
from partition_rows import PartitionRows
from script import Script, fetch, store

from sagaline import ApplicationError, ChildError, saga, workflow
from sagaline._engine.ledger import COMPLETED, OPEN, UNKNOWN, ledger_of
from sagaline._engine.ledger_entries import ChildEntry, Entry
from sagaline._model import events as e
from sagaline._model.descriptions import SagaCounts
from sagaline._model.failure import Failure
from sagaline._runtime.sagas.ledger import read
from sagaline._runtime.undo import Undo

Plan = list[Any]
Place = tuple[str, int, int | None]


async def perform(plan: Plan) -> None:
    for kind, *args in plan:
        if kind == "store":
            await store(args[0])
        elif kind == "fetch":
            await fetch("x")
        elif kind == "child":
            try:
                await child()
            except ChildError:
                pass
        elif kind == "start":
            await workflow.start_child(child)
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


@workflow
async def child() -> None:
    """Only asked for: what it does is made up."""


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
        inner = ["all", "scope", "scope", "fails"] if depth < 3 else []
        kind = draw.choice(["store", "store", "fetch", "child", "start", *inner])
        if kind == "store":
            plan.append([kind, f"s{draw.randrange(1_000)}"])
        elif kind in ("fetch", "child", "start"):
            plan.append([kind])
        elif kind == "all":
            plan.append([kind, [plan_of(draw, depth + 1) for _ in range(draw.randint(2, 3))]])
        elif kind == "scope":
            plan.append([kind, draw.choice([None, False, True]), draw.choice([0, 1, 2]), plan_of(draw, depth + 1)])
        else:
            plan.append([kind, plan_of(draw, depth + 1)])
    return plan


def child_ends(draw: random.Random, script: Script, number: int, fails: float) -> None:
    """It leaves some steps, of its own run and of others."""
    undos = [
        Undo(f"c{number}.{draw.randrange(2)}", step, "store", "completed", "remove", msgspec.Raw(b'["c",null]'))
        for step in range(1, draw.choice([1, 2, 4]))
    ]
    left = (msgspec.json.encode(undos), len(undos)) if undos else (b"", 0)
    failure = Failure("Broken", "why") if draw.random() < fails else None
    status = ("completed", b"null", None) if failure is None else ("failed", None, failure)
    script.step(e.ChildEnded(number, *status, *left))


def answer(draw: random.Random, script: Script, fails: float) -> bool:
    """One open activity has an outcome, or a child begins or ends; False when there is none."""
    table = script.instance._loop.table
    if not table.open and not table.children:
        return False
    step = draw.choice([*table.open.values(), *table.children.values()])
    if step.number in table.children:
        if not step.began.done():
            script.step(e.ChildBegan(step.number, f"c{step.number}"))
        else:
            child_ends(draw, script, step.number, fails)
        return True
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
    undone = [place_of(call) for call in after]
    late = {step.number for step in plan.waits_for}
    ended = ledger_of(script.history)
    known: set[Place] = set()
    for scope, batched in plan.groups:
        rows = [[places_of(entry) for entry in batch] for batch in batched]
        found = [place for place in undone if any(place in of_entry for row in rows for of_entry in row)]
        known.update(found)
        for row in rows:  # one batch behind the other; in one, the entries begin in this order, each goes on in its own
            count = sum(map(len, row))
            begun_here, found = found[:count], found[count:]
            for of_entry in row:
                assert [place for place in begun_here if place in of_entry] == of_entry, f"scope {scope} (seed {seed})"
            firsts = [of_entry[0] for of_entry in row if of_entry]
            assert [place for place in begun_here if place in firsts] == firsts, f"scope {scope} (seed {seed})"
    surprises = set(undone) - known
    begun = {place_of(call) for call in calls if call.step in before}
    assert all(place in begun or (place[1] or place[2]) in late for place in surprises), f"seed {seed}"
    for number in late - set(ended.children):
        if ended.entries[number].outcome != "failed":
            assert ended.entries[number].undone == COMPLETED, f"seed {seed}"
    for number in late & set(ended.children):
        assert not ended.children[number].may_be_undone, f"seed {seed}: it was stopped, and undone"
    assert len(undone) == len(set(undone)), f"seed {seed}: each once"
    in_short = counted(script)
    outcomes = [entry.outcome for entry in ended.entries.values()]
    assert (in_short.done, in_short.unknown) == (outcomes.count(COMPLETED), outcomes.count(UNKNOWN)), f"seed {seed}"
    done = {event.step for event in events if isinstance(event, e.ActivityCompleted)}
    assert in_short.undone == sum(call.step in done for call in calls), f"seed {seed}"


def counted(script: Script) -> SagaCounts:
    """The ledger in short, as the run's row has it."""
    rows = PartitionRows()
    for record in script.history:
        rows.append("id", *record.events)
    run = rows.state.run("id")
    assert run is not None
    return run.saga or SagaCounts()


def place_of(call: e.ActivityScheduled) -> Place:
    """Which step is undone: its run, the child of this run that it is of, and its number."""
    return call.compensates_run, call.of_child, call.compensates


def places_of(entry: Entry | ChildEntry) -> list[Place]:
    """What is to be undone of it and has not begun, in that order."""
    if isinstance(entry, Entry):
        return [("", 0, entry.number)] if entry.undone != OPEN else []
    left = [(undo.run_id, undo.step) for undo in reversed(read(entry.ledger))]
    return [(run, entry.number, step) for run, step in left if (run, step) not in entry.undos]
