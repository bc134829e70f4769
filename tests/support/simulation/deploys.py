"""A rolling change of code: versions of one workflow, and workers that stop and come back with another of them.

docs/versioning.md: ``v2`` asks for the patch, ``v3`` deprecates it, ``v4`` has forgotten it; ``bad`` swaps two steps.
Versions come one after the other, or back, or skip one: runs that the code of the day cannot follow wait, parked.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from sagaline import ApplicationError, activity, saga, workflow
from sagaline._log import COMMANDS
from sagaline._model.codec import encode
from sagaline._model.keys import partition_of
from sagaline._model.records import CancelRun, RetryRun, SignalRun, StartRun, TerminateRun
from sagaline._runtime.definitions import ActivityDefinition, Registry, WorkflowDefinition
from simulation import load
from simulation.broker import Broker
from simulation.deploy_checkers import ORDER, VERSIONS, OrderChecks, can_follow
from simulation.talk import told
from simulation.worker import Worker

PATCH = "check"
_SETTLE_S = 20.0


async def _perform() -> None:
    load.books.begin()
    await asyncio.sleep(load.books.draw.choice([0, 0.001, 0.05, 0.5]))
    load.books.do(activity.info().idempotency_key)


async def _take_back(done: None) -> None:
    info = activity.info()
    load.books.begin()
    assert info.compensates is not None
    load.books.undo(info.compensates.idempotency_key)


@activity(retry=load.RETRY, timeout="2s")
async def pay() -> None:
    await _perform()


@activity(retry=load.RETRY, timeout="2s")
async def check() -> None:
    await _perform()


@activity(retry=load.RETRY, timeout="2s")
async def ship() -> None:
    await _perform()


for _step in (pay, check, ship):
    _step.compensation(_take_back)


async def _end(again: int, fails: bool, numbers: list[int], seconds: float) -> list[int]:
    """The same in all versions: what the run was told goes to the next one, or is returned."""
    await asyncio.sleep(seconds)
    if again:
        workflow.continue_as_new(seconds, again - 1, fails, numbers)
    while told.waiting():
        numbers.append(told.receive_nowait(0))
    if fails:
        raise ApplicationError("the order is called off")
    return numbers


@saga(name=ORDER, signals=[told])
async def order_v1(seconds: float, again: int, fails: bool, numbers: list[int]) -> list[int]:
    await pay()
    await asyncio.sleep(seconds)
    await ship()
    return await _end(again, fails, numbers, seconds)


@saga(name=ORDER, signals=[told])
async def order_v2(seconds: float, again: int, fails: bool, numbers: list[int]) -> list[int]:
    await pay()
    await asyncio.sleep(seconds)
    if workflow.patched(PATCH):
        await check()
    await ship()
    return await _end(again, fails, numbers, seconds)


@saga(name=ORDER, signals=[told])
async def order_v3(seconds: float, again: int, fails: bool, numbers: list[int]) -> list[int]:
    await pay()
    await asyncio.sleep(seconds)
    workflow.deprecate_patch(PATCH)
    await check()
    await ship()
    return await _end(again, fails, numbers, seconds)


@saga(name=ORDER, signals=[told])
async def order_v4(seconds: float, again: int, fails: bool, numbers: list[int]) -> list[int]:
    await pay()
    await asyncio.sleep(seconds)
    await check()
    await ship()
    return await _end(again, fails, numbers, seconds)


@saga(name=ORDER, signals=[told])
async def order_bad(seconds: float, again: int, fails: bool, numbers: list[int]) -> list[int]:
    await ship()
    await asyncio.sleep(seconds)
    await pay()
    return await _end(again, fails, numbers, seconds)


_ORDERS: dict[str, WorkflowDefinition] = {
    "v1": order_v1.definition,
    "v2": order_v2.definition,
    "v3": order_v3.definition,
    "v4": order_v4.definition,
    "bad": order_bad.definition,
}
ACTIVITIES: list[ActivityDefinition] = [pay.definition, check.definition, ship.definition]


def registries(make: Callable[[WorkflowDefinition], Registry]) -> dict[str, Registry]:
    """What a worker knows, by the version of its code."""
    return {version: make(definition) for version, definition in _ORDERS.items()}


class Deploys:
    """Rolls versions out over the workers while orders are on their way, in one of three worlds."""

    def __init__(self, draw: random.Random, broker: Broker, workers: list[Worker], orders: OrderChecks) -> None:
        self._draw, self._broker, self._workers, self._orders = draw, broker, workers, orders
        self.first = draw.choice(VERSIONS[:2])
        self._version = self.first
        self._rolling = 0
        self._settled_at_s = 0.0

    def begin(self, within_s: float) -> None:
        """Plans orders and deploys."""
        draw = self._draw
        if draw.random() < 2 / 3:
            return
        for number in range(draw.randint(2, 5)):
            self._order(f"{ORDER}-{number}", draw.uniform(0, within_s * 0.8))
        for at in sorted(draw.uniform(2, within_s) for _ in range(draw.randint(1, 4))):
            self._broker.later(at, self._deploy_next)

    def _order(self, workflow_id: str, at: float) -> None:
        draw = self._draw
        seconds, again, fails = draw.choice([3, 10]), draw.choice([0, 0, 1]), draw.random() < 0.2
        argument = b"[%g,%d,%s,[]]" % (seconds, again, b"true" if fails else b"false")
        start = StartRun(f"{workflow_id}-start", workflow_id, ORDER, argument, "client", 0, "closed")
        self._send(at, start)
        for number in range(1, draw.choice([1, 4])):
            signal = SignalRun(f"{workflow_id}-{number}", workflow_id, "told", b"[%d]" % number, "client", 0)
            self._send(at + draw.uniform(0.1, seconds * 4), signal)
        if draw.random() < 0.15:
            cancel = CancelRun(f"{workflow_id}-cancel", workflow_id, "why not", "client", 0)
            self._send(at + draw.uniform(0, seconds * 4), cancel)
        if draw.random() < 0.3:  # a person tries whether it goes on, if it is parked
            self._send(at + draw.uniform(1, 30), RetryRun(f"{workflow_id}-retry", workflow_id, "client", 0))

    def _send(self, at: float, request: StartRun | SignalRun | CancelRun | TerminateRun | RetryRun) -> None:
        partition = partition_of(request.workflow_id, self._broker.partitions)
        self._broker.later(at, self._broker.land, COMMANDS, partition, request.workflow_id.encode(), encode(request))

    def _deploy_next(self) -> None:
        """Mostly the next version, or the one before."""
        draw, place = self._draw, VERSIONS.index(self._version)
        near = [VERSIONS[at] for at in (place - 1, place + 1, place + 1) if 0 <= at < 4]
        others = ["bad", "bad", *VERSIONS]
        self._deploy(draw.choice(near) if near and draw.random() < 0.6 else draw.choice(others))

    def _deploy(self, version: str) -> None:
        self._version = version
        self._broker.marks[f"deploy {version}"] += 1
        at = 0.0
        for worker in self._workers:
            self._rolling += 1
            self._broker.later(at, self._replace, worker, version)
            at += self._draw.choice([0.2, 2.0, 9.0])

    def _replace(self, worker: Worker, version: str) -> None:
        self._rolling -= 1
        worker.deploy(version, kills=self._draw.random() < 0.4)

    def settle(self, now_s: float) -> bool:
        """Nothing goes wrong any more: code is deployed that orders can follow, and what was begun with bad code is
        terminated by a person. True when there is nothing left to do."""
        waiting = self._orders.waiting()
        if not waiting and not self._rolling:
            return True
        if self._rolling or now_s < self._settled_at_s + _SETTLE_S:
            return False
        self._settled_at_s = now_s
        for workflow_id in [order.workflow_id for order in waiting if order.is_bad]:
            self._send(0, TerminateRun(f"{workflow_id}-{now_s}", workflow_id, "begun with bad code", "client", 0))
        good = [order for order in waiting if not order.is_bad]
        is_everywhere = all(worker.version == self._version for worker in self._workers)  # deploys may have crossed
        if not is_everywhere or self._version == "bad" or not any(can_follow(self._version, order) for order in good):
            later = [version for version in ("v2", "v3") if any(can_follow(version, order) for order in good)]
            if later:
                self._deploy(later[0])
        return False
