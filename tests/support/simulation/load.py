"""What the simulated workers run: random plans of steps against a participant that keeps books of its own."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from sagaline import Activity, ActivityError, ApplicationError, ChildError, Retry, activity, saga, workflow
from sagaline._runtime.definitions import ActivityDefinition, Registry, WorkflowDefinition, definition_of
from sagaline._system.registry import SYSTEM_WORKFLOWS

Plan = list[Any]
RETRY = Retry(attempts=3, first_interval="50ms", maximum_interval="1s")
DONE, UNDONE = "done", "undone"
SYSTEM = [found for one in SYSTEM_WORKFLOWS if isinstance(found := definition_of(one), WorkflowDefinition)]
QUEUE = "far"


class Refused(Exception):
    """The participant says no: it has done nothing."""


class Books:
    """The participant: what stands under each idempotency key. It outlives all workers."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.entries: dict[str, str] = {}
        self.executions: Counter[str] = Counter()
        self.given: dict[tuple[str, int], tuple[object, ...]] = {}  # by key and attempt
        self.violations: list[str] = []
        self.has_queue = False
        self.on_begin: Callable[[str, int, int], None] = lambda run_id, step, attempt: None
        self.scheduled: set[tuple[str, int]] = set()  # intents that are durable, kept by the checker
        self.forward: dict[str, set[int]] = {}  # steps that are calls of ``act``, by run
        self.told: dict[tuple[str, int, int], bytes | None] = {}  # what an attempt is told, by run, step and number

    def begin(self, *given: object) -> None:
        """An attempt begins: its intent must be durable, and what it is given is what an attempt of its number was
        given before."""
        info = activity.info()
        self.executions[info.idempotency_key] += 1
        self.on_begin(info.run_id, info.step, info.attempt)
        if self.given.setdefault((info.idempotency_key, info.attempt), given) != given:
            self.violations.append(f"attempt {info.attempt} of {info.idempotency_key} was made with other arguments")
        if (info.run_id, info.step) not in self.scheduled:
            self.violations.append(f"{info.idempotency_key} was attempted before its intent was durable")

    def listen(self) -> None:
        """What the attempt is told of the one before it is what that one has said last."""
        info = activity.info()
        place = (info.run_id, info.step, info.attempt)
        if place in self.told and info.heartbeat_details != (100 * (info.attempt - 1) + 2,):
            self.violations.append(f"{info.idempotency_key}, attempt {info.attempt}, is told {info.heartbeat_details}")

    def do(self, key: str) -> None:
        """The effect; nothing when it was done or undone before."""
        self.entries.setdefault(key, DONE)

    def undo(self, key: str) -> None:
        """Takes it back; an attempt that arrives later finds it undone."""
        self.entries[key] = UNDONE


def last_details(attempt: int) -> bytes:
    """What an attempt that raises has said last."""
    return b"[%d]" % (100 * attempt + 2)


books = Books(random.Random(0))


@activity(retry=RETRY, refusals=(Refused,), timeout="2s")
async def act(what: str) -> str:
    info = activity.info()
    books.begin()
    books.listen()
    for beat in (1, 2):
        activity.heartbeat(100 * info.attempt + beat)
    await asyncio.sleep(books.draw.choice([0, 0.001, 0.05]))
    if what == "refuse":
        raise Refused(what)
    if what in ("ok", "late") or info.attempt > 1:
        books.do(info.idempotency_key)
    if what == "fail" or (what == "flaky" and info.attempt == 1):
        raise ConnectionError(what)
    if what == "late":  # done, but nobody hears of it
        await asyncio.sleep(30)
    return what


@act.compensation
async def undo(what: str, done: str | None) -> None:
    info = activity.info()
    books.begin()
    assert info.compensates is not None
    await asyncio.sleep(books.draw.choice([0, 0.01]))
    if info.attempt == 1 and what == "flaky":
        raise ConnectionError(what)
    books.undo(info.compensates.idempotency_key)


_FAR = {"flaky", "late", "refuse"}


def _act(what: str) -> Activity[[str], str]:
    """The step; in a world with a queue some are run by its workers."""
    return act.options(queue=QUEUE) if books.has_queue and what in _FAR else act


def _thrown() -> int:
    return books.draw.randrange(3)


MORE: dict[str, Callable[..., Coroutine[Any, Any, int]]] = {}
"""Kinds of steps that other modules have, by name."""


async def perform(plan: Plan) -> int:
    """Steps of a plan: ["act", what], ["try", what], ["sleep", ms], ["dice"], ["all", plans], ["within", ms, plan],
    ["child", is_saga, again, plan], ["leave", policy, plan], ["stop", policy, ms]; and those of MORE."""
    count = 0
    for kind, *args in plan:
        if kind == "act":
            await _act(args[0])(args[0])
        elif kind == "try":
            try:
                await _act(args[0])(args[0])
            except ActivityError:
                count += 100
        elif kind == "sleep":
            await asyncio.sleep(args[0] / 1000)
        elif kind == "dice":  # replay asks for as many only if it is told the same
            for _ in range(workflow.side_effect(_thrown)):
                await act("ok")
        elif kind == "all":
            count += sum(await asyncio.gather(*(perform(one) for one in args[0])))
        elif kind in ("child", "leave", "stop"):
            count += await _start_other(kind, *args)
        elif kind == "within":
            try:
                async with asyncio.timeout(args[0] / 1000):
                    count += await perform(args[1])
            except TimeoutError:
                count += 10
        else:
            count += await MORE[kind](*args)
        count += 1
    return count


async def _start_other(kind: str, *args: Any) -> int:
    """A child that is waited for, left alone, or told to stop."""
    if kind == "leave":
        await workflow.start_child(plain.options(parent_close=args[0]), args[1])
        return 0
    try:
        if kind == "child":
            is_saga, again, rest = args
            return await (undoing if is_saga else plain)(rest, again)
        handle = await workflow.start_child(waiting.options(parent_close=args[0]))
        await asyncio.sleep(args[1] / 1000)
        handle.cancel("it has waited for long enough")
        await handle
    except ChildError:
        return 1_000
    return 0


@workflow
async def waiting() -> None:
    """Ends when it is told to, never before."""
    await asyncio.Event().wait()


@workflow
async def plain(plan: Plan, again: int = 0) -> int:
    count = await perform(plan)
    if again:
        plain.continue_as_new(plan, again - 1)
    return count


@saga
async def undoing(plan: Plan, again: int = 0) -> int:
    count = await perform(plan)
    if again:
        undoing.continue_as_new(plan, again - 1)
    if workflow.info().continued_from and len(plan) % 2:
        raise ApplicationError("the last of the chain undoes all of it")
    return count


def registry(others: Sequence[WorkflowDefinition], activities: Sequence[ActivityDefinition]) -> Registry:
    """What every worker knows."""
    workflows = [plain.definition, waiting.definition, undoing.definition, *others]
    return Registry(workflows, [act.definition, *activities], SYSTEM)


_WHATS = ["ok", "ok", "ok", "flaky", "fail", "refuse", "late"]


def make_plan(draw: random.Random, depth: int = 0) -> Plan:
    """A random plan."""
    plan: Plan = []
    for _ in range(draw.randint(1, 4 if depth == 0 else 2)):
        kind = draw.choice(
            ["act", "act", "act", "try", "sleep", "dice"]
            + (["all", "within", "child", "leave", "stop"] if depth < 2 else [])
        )
        if kind in ("act", "try"):
            plan.append([kind, draw.choice(_WHATS)])
        elif kind == "dice":
            plan.append([kind])
        elif kind == "sleep":
            plan.append([kind, draw.choice([1, 50, 3_000])])
        elif kind == "child":
            again = draw.choice([0, 0, 1])
            plan.append([kind, draw.random() < 0.5, again, make_plan(draw, depth + 1)])
        elif kind == "leave":
            policy = draw.choice(["terminate", "request_cancel", "abandon"])
            plan.append([kind, policy, make_plan(draw, depth + 1)])
        elif kind == "stop":
            plan.append([kind, draw.choice(["terminate", "request_cancel"]), draw.choice([0, 50, 3_000])])
        elif kind == "all":
            plan.append([kind, [make_plan(draw, depth + 1) for _ in range(draw.randint(1, 3))]])
        else:
            plan.append([kind, draw.choice([5, 500, 5_000]), make_plan(draw, depth + 1)])
    return plan
