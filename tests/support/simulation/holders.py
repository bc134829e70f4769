"""Sagas that hold locks: several at once, in any order, so that they wait for each other in circles too."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from sagaline import ApplicationError, LockError, saga, workflow
from sagaline import locks as face
from sagaline._log import COMMANDS
from sagaline._model.codec import encode
from sagaline._model.keys import partition_of
from sagaline._model.records import CancelRun, StartRun, TerminateRun
from sagaline._runtime.definitions import WorkflowDefinition
from sagaline._system import entity
from sagaline._system.locks.lock import Lock
from simulation import load
from simulation.broker import Broker


@contextmanager
def hurried() -> Iterator[None]:
    """Locks that are waited for and kept for less long: a simulated world does not last a day, and all its runs end."""
    with mock.patch.multiple(face, _ASK_AGAIN_S=4, _LONGEST_PAUSE_S=16), mock.patch.object(entity, "IDLE_S", 20):
        yield


@saga
async def holder(names: list[str], how: str, again: int = 0) -> int:
    """Takes one lock after the other, or all side by side, and holds them until it has ended."""
    draw = workflow.random()

    async def take(name: str) -> None:
        wait: Any = draw.choice([True, True, True, "3s", False])
        try:
            async with workflow.lock(name, wait=wait, lease=draw.choice([None, None, None, None, "2s"])) as lock:
                await load.act("ok")
                await asyncio.sleep(2 * draw.random())
                if draw.random() < 0.2:
                    lock.release()
        except LockError:
            if how == "all or nothing":
                raise

    if how == "at once":
        await asyncio.gather(*(take(name) for name in names))
    else:
        for name in names:
            await take(name)
    if how == "fails":
        raise ApplicationError("and lets go of all")
    if again:
        holder.continue_as_new(names[::-1], how, again - 1)
    return len(names)


DEFINITIONS: list[WorkflowDefinition] = [holder.definition, replace(Lock.run.definition, retention_ms=None)]
_HOW = ["one by one", "all or nothing", "all or nothing", "at once", "fails"]


class Holders:
    """Clients that start, cancel and terminate sagas with locks."""

    def __init__(self, draw: random.Random, broker: Broker, repeats: bool) -> None:
        self._draw, self._broker, self._repeats = draw, broker, repeats

    def begin(self, within_s: float) -> None:
        """Plans them."""
        draw = self._draw
        for number in range(draw.choice([3, 5, 7])):
            workflow_id, at = f"holder-{number}", draw.uniform(0, within_s * 0.25)
            names = draw.sample(["a", "b", "c"], draw.choice([1, 2, 2, 2, 3]))
            shown = ",".join(f'"{name}"' for name in names)
            argument = f'[[{shown}],"{draw.choice(_HOW)}",{draw.choice([0, 0, 1, 2])}]'.encode()
            start = StartRun(f"{workflow_id}-start", workflow_id, "holder", argument, "client", 0, "closed")
            self._send(at, start)
            while draw.random() < 0.2 and self._repeats:
                self._send(at + draw.uniform(0, 4), start)
            if draw.random() < 0.25:
                kind = draw.choice([CancelRun, TerminateRun])
                self._send(at + draw.uniform(0, 6), kind(f"{workflow_id}-end", workflow_id, "enough", "client", 0))

        for name in ("a", "b", "c"):  # those who wait are to have it all the same
            if draw.random() < 0.15:
                lock = f"sagaline.lock/{name}"
                end = TerminateRun(f"{lock}-end", lock, "by a person", "client", 0)
                self._send(draw.uniform(0, within_s * 0.5), end)

    def _send(self, at: float, request: Any) -> None:
        partition = partition_of(request.workflow_id, self._broker.partitions)
        self._broker.later(at, self._broker.land, COMMANDS, partition, request.workflow_id.encode(), encode(request))
