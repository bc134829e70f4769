"""Plans with scopes, pivots and savepoints, of steps whose rollback may fail for good.

What a step is given says how it goes: ``stuck`` is one whose compensation fails for good, until a person has had it
tried again often enough; the steps that are rolled back to a savepoint say so with ``goes``.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

from sagaline import ActivityError, ApplicationError, ChildError, Retry, activity, saga, workflow
from sagaline._runtime.definitions import ActivityDefinition, WorkflowDefinition
from simulation import load
from simulation.load import Plan, Refused, perform

_RETRY = Retry(attempts=2, first_interval="50ms", maximum_interval="1s")
_STUBBORN = 4
"""The first attempt at which what is stuck works."""


async def _attempt(what: str, says_no: bool = False) -> None:
    info = activity.info()
    load.books.begin(what)
    await asyncio.sleep(load.books.draw.choice([0, 0.001, 0.05]))
    if says_no and "refuse" in what:
        raise Refused(what)
    if "fail" not in what or info.attempt > 1:
        load.books.do(info.idempotency_key)
    if "fail" in what or ("flaky" in what and info.attempt == 1):
        raise ConnectionError(what)
    if "late" in what:  # done, but nobody hears of it
        await asyncio.sleep(30)


async def _take_back(what: str, fails: bool) -> None:
    info = activity.info()
    load.books.begin(what)
    assert info.compensates is not None
    await asyncio.sleep(load.books.draw.choice([0, 0.01]))
    if fails or ("flaky" in what and info.attempt == 1):
        raise ConnectionError(what)
    load.books.undo(info.compensates.idempotency_key)


def _is_stuck(what: str) -> bool:
    return "stuck" in what and activity.info().attempt < _STUBBORN


@activity(retry=_RETRY, refusals=(Refused,), timeout="2s")
async def hold(what: str) -> str:
    """What undoes it may wait for a person."""
    await _attempt(what, says_no=True)
    return what


@hold.compensation(retry=_RETRY)
async def release(what: str, held: str | None) -> None:
    await _take_back(what, _is_stuck(what))


@activity(retry=_RETRY, refusals=(Refused,), timeout="2s")
async def book(what: str) -> str:
    """What undoes it has a fallback, which may wait for a person too."""
    await _attempt(what, says_no=True)
    return what


@book.compensation(retry=_RETRY)
async def unbook(what: str, booked: str | None) -> None:
    await _take_back(what, "stuck" in what or "by hand" in what)


@unbook.fallback
async def unbook_by_hand(what: str, booked: str | None) -> None:
    await _take_back(what, fails=False)


@activity(retry=_RETRY, timeout="2s", irreversible=True)
async def mail(what: str) -> str:
    await _attempt(what)
    return what


@activity(retry=_RETRY, refusals=(Refused,), timeout="2s", pivot=True)
async def capture(what: str) -> str:
    """Is parked when nobody knows whether it has happened."""
    await _attempt(what, says_no=True)
    return what


@activity(retry=_RETRY, timeout="2s", retriable=True)
async def deliver(what: str) -> str:
    """Must be done; is parked when it cannot be."""
    load.books.begin(what)
    await asyncio.sleep(load.books.draw.choice([0, 0.001, 0.05]))
    if _is_stuck(what):
        raise ConnectionError(what)
    load.books.do(activity.info().idempotency_key)
    return what


async def _hold(what: str) -> int:
    await hold(what)
    return 0


async def _book(what: str) -> int:
    await book(what)
    return 0


async def _mail(what: str) -> int:
    try:
        await mail(what)
    except ActivityError:
        return 100
    return 0


async def _beside(plan: Plan) -> int:
    """Nobody waits for it."""
    workflow_task = asyncio.ensure_future(perform(plan))
    await asyncio.sleep(0)
    return int(workflow_task.done())


async def _scope(parallel: bool | None, limit: int, lets_out: bool, fails: bool, goes: list[str], plan: Plan) -> int:
    """Some are rolled back to a savepoint behind their plan, go on, and end well or not."""
    try:
        async with saga(parallel=parallel, limit=limit) as scope:
            count = await perform(plan)
            if goes:
                point = scope.savepoint()
                await asyncio.gather(*(hold(what) for what in goes), return_exceptions=True)
                await scope.roll_back_to(point)
                await hold("ok")
            if fails:
                raise ApplicationError("the part fails")
            return count
    except (ActivityError, ApplicationError, ChildError):
        if lets_out:
            raise
        return 10_000


async def _deal(plan: Plan, what: str, behind: list[str]) -> int:
    """A scope with a pivot: what comes behind it is done, whatever happens."""
    try:
        async with saga():
            count = await perform(plan)
            await capture(what)
            await _behind(behind)
            return count
    except (ActivityError, ApplicationError, ChildError):
        return 100_000


async def _family(how: str, parallel: bool, again: int, plans: list[Plan]) -> int:
    """Children of a part that fails when they have completed, or while they run; or that ends well. Those with pivots
    are no sagas."""
    try:
        async with saga(parallel=parallel):
            kinds = [load.undoing, load.plain]
            if how == "early":
                for place, plan in enumerate(plans):
                    await workflow.start_child(kinds[place % 2], plan, again)
                await hold("ok")
            else:
                calls = [kinds[place % 2](plan, again) for place, plan in enumerate(plans)]
                await asyncio.gather(*calls, hold("ok"), return_exceptions=True)
                await hold("ok")
            if how != "well":
                raise ApplicationError("the family fails")
            return 0
    except (ActivityError, ApplicationError, ChildError):
        return 1_000_000


async def _behind(steps: list[str]) -> None:
    """A person may skip what must be done: then it has failed, and the code has to do without."""
    await asyncio.gather(*(deliver(step) for step in steps[1:]), return_exceptions=True)
    for step in steps[:1]:
        await asyncio.gather(deliver(step), mail("ok"), return_exceptions=True)


load.MORE.update(hold=_hold, book=_book, mail=_mail, beside=_beside, scope=_scope, deal=_deal, family=_family)


@saga(parallel=True, limit=2)
async def deal(plan: Plan, what: str, behind: list[str]) -> int:
    """Its own scope has the pivot."""
    count = await perform(plan)
    await capture(what)
    await _behind(behind)
    return count


DEFINITIONS: list[WorkflowDefinition] = [deal.definition]
ACTIVITIES: list[ActivityDefinition] = [each.definition for each in (hold, book, mail, capture, deliver)]

_WHATS = ["ok", "ok", "ok", "ok", "stuck", "stuck", "flaky", "fail", "refuse", "late"]
_PAID = ["ok", "ok", "flaky", "refuse", "fail", "late"]


def make_plan(draw: random.Random, depth: int = 0, has_pivots: bool = False) -> Plan:
    """A random plan. ``has_pivots``: scopes may have them, for nothing is around these that would be rolled back."""
    plan: Plan = []
    for _ in range(draw.randint(2, 4) if depth == 0 else draw.randint(1, 3)):
        kinds = ["hold", "hold", "book", "mail", "act", "sleep"]
        if depth < 3:
            kinds += ["scope", "scope", "scope", "all", "within", "beside"]
        if depth < 2:
            kinds += ["child", "family", "family"]
        if has_pivots:
            kinds += ["deal"] * 4
        plan.append(_step(draw, draw.choice(kinds), depth, has_pivots))
    return plan


def _step(draw: random.Random, kind: str, depth: int, has_pivots: bool) -> list[Any]:
    if kind in ("hold", "book", "mail"):
        return [kind, draw.choice(_WHATS)]
    if kind == "act":
        return [kind, draw.choice(["ok", "flaky"])]
    if kind == "sleep":
        return [kind, draw.choice([1, 50, 500])]
    if kind == "all":
        return [kind, [make_plan(draw, depth + 1, has_pivots) for _ in range(draw.randint(2, 3))]]
    if kind == "within":
        return [kind, draw.choice([5, 100, 1_000]), make_plan(draw, depth + 1)]
    if kind == "child":
        return [kind, draw.random() < 0.5, draw.choice([0, 0, 1]), make_plan(draw, depth + 1)]
    if kind == "family":
        plans = [make_plan(draw, depth + 1, has_pivots and place % 2 == 1) for place in range(draw.randint(1, 2))]
        return [
            kind,
            draw.choice(["fails", "fails", "early", "well"]),
            draw.random() < 0.5,
            draw.choice([0, 0, 1]),
            plans,
        ]
    if kind == "beside":
        return [kind, make_plan(draw, depth + 1, has_pivots)]
    if kind == "deal":
        return [kind, *make_deal(draw, depth)]
    how = [draw.choice([None, True, True, False]), draw.choice([0, 1, 2]), draw.random() < 0.3, draw.random() < 0.4]
    inner = make_plan(draw, depth + 1)
    goes = [f"goes {draw.choice(_WHATS)}" for _ in range(0 if _has(inner, "beside") else draw.choice([0, 0, 1, 3]))]
    return [kind, *how, goes, inner]


def make_deal(draw: random.Random, depth: int = 0) -> list[Any]:
    """What comes before a pivot, the pivot, and what comes behind it. No task outlives the part before it, which could
    call what it may not."""
    before = [step for step in make_plan(draw, max(depth + 1, 2)) if not _has(step, "beside")]
    return [before, draw.choice(_PAID), [draw.choice(["ok", "stuck"]) for _ in range(draw.randint(0, 3))]]


def _has(plan: Any, kind: str) -> bool:
    return plan == kind or (isinstance(plan, list) and any(_has(one, kind) for one in plan))
