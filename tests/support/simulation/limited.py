"""Sagas whose steps, and runs, have limits of the namespace: they wait, are cancelled while they wait, and end anyhow."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import Any

from sagaline import ApplicationError, Key, Rate, saga
from sagaline._log import COMMANDS
from sagaline._model.codec import encode
from sagaline._model.keys import partition_of
from sagaline._model.records import CancelRun, StartRun, TerminateRun
from sagaline._runtime.definitions import WorkflowDefinition
from sagaline._system.flow.limit import Limit
from simulation import load
from simulation.broker import Broker

LIMITS: dict[str, Any] = {
    "a": load.act.options(concurrency=Key.of("a", limit=1)),
    "b": load.act.options(concurrency=Key.of("b", limit=2)),
    "ab": load.act.options(concurrency=[Key.of("b", limit=2), Key.of("a", limit=1)]),
    "shared": load.act.options(concurrency=Key("what", limit=1, total=2)),
    "rate": load.act.options(rate=Rate("4/s", burst=2)),
    "free": load.act,
}


@saga(concurrency=Key("who", limit=2))
async def limited(who: str, names: list[str], how: str, again: int = 0) -> int:
    """One step after the other, or all side by side; some are not waited for to their end."""
    draw = asyncio.get_running_loop().time() % 7

    async def step(place: int, name: str) -> None:
        try:
            async with asyncio.timeout(None if (place + draw) % 3 > 1 else 0.5 + draw):
                await LIMITS[name]("ok")
        except TimeoutError:
            if how == "all or nothing":
                raise ApplicationError("too late") from None

    if how == "one by one":
        for place, name in enumerate(names):
            await step(place, name)
    else:
        await asyncio.gather(*(step(place, name) for place, name in enumerate(names)))
    if how == "fails":
        raise ApplicationError("and gives back all")
    if again:
        limited.continue_as_new(who, names[::-1], how, again - 1)
    return len(names)


DEFINITIONS: list[WorkflowDefinition] = [limited.definition, replace(Limit.run.definition, retention_ms=None)]
_HOW = ["one by one", "at once", "all or nothing", "fails"]


class Limited:
    """Clients that start, cancel and terminate them."""

    def __init__(self, draw: random.Random, broker: Broker, repeats: bool) -> None:
        self._draw, self._broker, self._repeats = draw, broker, repeats

    def begin(self, within_s: float) -> None:
        """Plans them."""
        draw = self._draw
        for number in range(draw.choice([3, 5, 7])):
            workflow_id, at = f"limited-{number}", draw.uniform(0, within_s * 0.25)
            names = [draw.choice([*LIMITS]) for _ in range(draw.choice([1, 2, 3, 4]))]
            shown = ",".join(f'"{name}"' for name in names)
            argument = f'["{draw.choice("xy")}",[{shown}],"{draw.choice(_HOW)}",{draw.choice([0, 0, 1])}]'.encode()
            start = StartRun(f"{workflow_id}-start", workflow_id, "limited", argument, "client", 0, "closed")
            self._send(at, start)
            while draw.random() < 0.2 and self._repeats:
                self._send(at + draw.uniform(0, 4), start)
            if draw.random() < 0.25:
                kind = draw.choice([CancelRun, TerminateRun])
                self._send(at + draw.uniform(0, 6), kind(f"{workflow_id}-end", workflow_id, "enough", "client", 0))

    def _send(self, at: float, request: Any) -> None:
        partition = partition_of(request.workflow_id, self._broker.partitions)
        self._broker.later(at, self._broker.land, COMMANDS, partition, request.workflow_id.encode(), encode(request))
