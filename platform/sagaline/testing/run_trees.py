"""A run with its children and with those that it continues as, for helpers of tests: the same place in each trial."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sagaline._engine.tables.runs import RunView
from sagaline._runtime.activities import ActivityInfo
from sagaline.client import Client, HistoryEvent, RunHandle
from sagaline.errors import RunError
from sagaline.testing.clock import Stuck

Part = tuple[str, ...]
"""Where a run is in its tree: () is its root, ("run 2",) the run that it continues as, ("child 3",) that of step 3."""
_BY = "fail_after_each_step"
_REASON = "what made it fail is gone"


class Branch(NamedTuple):
    """One run of a tree."""

    part: Part
    run: RunHandle[Any]
    events: Sequence[HistoryEvent]

    @property
    def steps(self) -> list[tuple[int, str]]:
        """Its activities that are no compensations, in the order in which they were called: number and name."""
        return [
            (event.details["step"], event.details["activity"])
            for event in self.events
            if event.type == "activity scheduled" and not event.details.get("compensates")
        ]


async def tree_of(client: Client, run: RunHandle[Any], part: Part = ()) -> list[Branch]:
    """The run as it stands and those that have come of it: children behind their parent, then what it continues as."""
    return [branch async for branch in _walk(client, run, part)]


async def _walk(client: Client, run: RunHandle[Any], part: Part) -> AsyncIterator[Branch]:
    events = await run.history()
    yield Branch(part, run, events)
    children: dict[int, str] = {}
    for event in events:
        details = event.details
        if event.type == "child requested":
            children[details["step"]] = details["child_id"]
        elif event.type == "child began":
            child = client.handle(children[details["step"]], details["run_id"])
            async for branch in _walk(client, child, (*part, f"child {details['step']}")):
                yield branch
        elif event.type == "run continued":
            async for branch in _walk(client, client.handle(run.workflow_id, details["run_id"]), _next(part)):
                yield branch


def _next(part: Part) -> Part:
    """Where the run is that one continues as."""
    word, _, number = part[-1].partition(" ") if part else ("", "", "")
    return (*part[:-1], f"run {int(number) + 1}") if word == "run" else (*part, "run 2")


class Place(NamedTuple):
    """Where an attempt is: the root of its tree, where its run is in that, and the step."""

    root: RunView
    part: Part
    step: int


def place_of(info: ActivityInfo, find: Callable[[str, str], RunView | None]) -> Place | None:
    """Where an attempt is; ``find`` looks up a run. None when its runs are not on record here."""
    ways: list[int] = []  # up to the root: 0 to the run before, else the parent's step
    run = find(info.workflow_id, info.run_id)
    while run is not None:
        if run.continued_from:
            ways.append(0)
            run = find(run.workflow_id, run.continued_from)
        elif run.parent_id:
            ways.append(run.parent_step)
            run = find(run.parent_id, run.parent_run_id)
        else:
            part: Part = ()
            for way in reversed(ways):
                part = (*part, f"child {way}") if way else _next(part)
            return Place(run, part, info.step)
    return None


def undone_in(tree: Sequence[Branch]) -> tuple[str, ...]:
    """The activities of a tree that were undone, in order of time; of children before those of their parents."""
    names = {(branch.run.run_id or "", step): name for branch in tree for step, name in branch.steps}
    undone: list[tuple[datetime, str]] = []
    for branch in reversed(tree):
        undoing: dict[int, str] = {}
        own = branch.run.run_id or ""
        for event in branch.events:
            details = event.details
            if event.type == "activity scheduled" and details.get("compensates"):
                step: tuple[str, int] = (details.get("compensates_run") or own, details["compensates"])
                name: str = details["activity"]
                undoing[details["step"]] = names.get(step, name)
            elif event.type == "activity completed" and details["step"] in undoing:
                undone.append((event.at, undoing[details["step"]]))
    return tuple(name for _, name in sorted(undone, key=lambda pair: pair[0]))


async def repair(tree: Sequence[Branch]) -> bool:
    """Has every step that waits for a person retried. False when none does."""
    repaired = False
    for branch in tree:
        for step in (await branch.run.describe()).waits_for:
            if step.parked_at is not None:
                await branch.run.saga.retry(step.step, reason=_REASON, by=_BY)
                repaired = True
    return repaired


async def await_children(tree: Sequence[Branch]) -> None:
    """Waits until the runs of the tree have ended; a child that was left alone and waits for what cannot come stays.

    Raises Stuck when one is parked.
    """
    for branch in tree[1:]:
        try:
            await branch.run.result()
        except RunError:
            pass
        except Stuck:
            if (await branch.run.describe()).parked_at is not None:
                raise
