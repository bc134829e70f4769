"""Runs that are talked to: signals, queries and updates, some of them asked again."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import msgspec

from sagaline import ApplicationError, MessageError, Signal, workflow
from sagaline._log import COMMANDS
from sagaline._model.codec import encode
from sagaline._model.keys import partition_of
from sagaline._model.records import QueryRun, SignalRun, StartRun, UpdateRun
from sagaline._runtime.context import require_instance
from sagaline._runtime.definitions import WorkflowDefinition
from sagaline._runtime.messages import wills
from simulation import load
from simulation.broker import Broker

told = Signal[int]("told")


@workflow
class Talker:
    """Has handlers; returns the numbers it was told, in order, over all the runs that it goes on as."""

    @workflow.init
    def __init__(self, seconds: float, again: int = 0, numbers: list[int] | None = None) -> None:
        self.numbers = numbers or []
        self.total = 0

    @workflow.signal(name="told")
    def tell(self, number: int) -> None:
        self.numbers.append(number)

    @workflow.query
    def heard(self) -> list[int]:
        return self.numbers

    @workflow.query
    def scribbled(self) -> list[int]:
        """Changes what it may only look at, and is refused for it."""
        self.numbers.append(-1)
        return self.numbers

    @workflow.update
    async def add(self, number: int) -> int:
        if number % 2:
            await load.act("ok")
        self.total += number
        return self.total

    @add.validator
    def check(self, number: int) -> None:
        if number % 5 == 0:
            raise ApplicationError("no multiple of five", type="Five")

    @workflow.run
    async def run(self, seconds: float, again: int = 0, numbers: list[int] | None = None) -> list[int]:
        await asyncio.sleep(seconds / (again + 1))
        if seconds > 5:
            await workflow.wait_condition(workflow.all_handlers_finished)
        if again:
            workflow.continue_as_new(seconds, again - 1, self.numbers)
        return self.numbers


@workflow(signals=[told])
async def listener(seconds: float, again: int = 0, numbers: list[int] | None = None) -> list[int]:
    """Receives what it is told, and looks once more before it returns; what waits when it goes on as another run is
    that one's."""
    numbers = numbers or []
    try:
        async with asyncio.timeout(seconds / (again + 1)):
            async for number in told:
                numbers.append(number)
                if again and number % 3 == 0:  # the signals that came with this one wait
                    break
    except TimeoutError:
        pass
    if again:
        listener.continue_as_new(seconds, again - 1, numbers)
    while told.waiting():
        numbers.append(told.receive_nowait(0))
    return numbers


@workflow(signals=[told])
async def chatter(seconds: float, again: int = 0) -> list[int]:
    """Tells others, and itself, what nobody else does, several things at once; and listens."""
    draw = workflow.random()
    number = 1_000 * draw.randrange(1_000, 1_000_000)

    async def tell(target: str, number: int) -> None:
        try:
            await workflow.external(target).signal(told, number)
        except MessageError:
            pass

    calls = require_instance("a simulated run")
    for will in list(calls.table.to_others().wills):  # of the runs before it
        if draw.random() < 0.5:
            wills.withdraw(calls, will)
    for place in range(draw.randrange(4)):
        will = wills.leave(calls, f"talk-{draw.randrange(6)}", "told", b"[%d]" % (number + 90 + place))
        if draw.random() < 0.2:
            wills.withdraw(calls, will)
    for _ in range(draw.randrange(4)):
        targets = [f"talk-{draw.randrange(6)}" for _ in range(draw.randrange(1, 6))] + [workflow.info().workflow_id] * 2
        await asyncio.gather(*(tell(target, number + place) for place, target in enumerate(targets)))
        number += 100
        await asyncio.sleep(seconds / 10)
    if draw.random() < 0.3:
        try:
            await workflow.external(f"talk-{draw.randrange(6)}").cancel()
        except MessageError:
            pass
    if again:
        chatter.continue_as_new(seconds, again - 1)
    return await listener.inline(seconds)


DEFINITIONS: list[WorkflowDefinition] = [Talker.run.definition, listener.definition, chatter.definition]


class Talks:
    """Clients that talk to runs. ``draw`` is their own: other clients draw as they did before there were messages."""

    def __init__(self, draw: random.Random, broker: Broker, repeats: bool) -> None:
        self._draw, self._broker, self._repeats = draw, broker, repeats

    def begin(self, within_s: float) -> None:
        """Plans the runs and what they are told, in two of three worlds."""
        draw = self._draw
        for number in range(draw.choice([0, 2, 5])):
            at = draw.uniform(0, within_s * 0.6)
            definition = draw.choice(DEFINITIONS)
            seconds = draw.choice([2, 10, 25])
            workflow_id = f"talk-{number}"
            argument = b"[%d,%d]" % (seconds, draw.choice([0, 0, 1, 3]))
            start = StartRun(f"{workflow_id}-start", workflow_id, definition.name, argument, "client", 0, "closed")
            if draw.random() < 0.2:
                start = msgspec.structs.replace(start, signal="told", signal_input=b"[%d]" % (900 + number))
            self._send(at, start)
            while draw.random() < 0.2 and self._repeats:
                self._send(at + draw.uniform(0, 4), start)
            for message in range(draw.choice([0, 5, 40])):
                self._say(at, workflow_id, f"{workflow_id}-{message}", message + 1, seconds)

    def _say(self, at: float, workflow_id: str, name: str, number: int, seconds: float) -> None:
        draw = self._draw
        later = at + draw.choice([0.1, draw.uniform(0, seconds), draw.uniform(0, seconds * 1.1)])
        argument = b"[%d]" % number
        kind = draw.choice(["signal", "signal", "signal", "update", "query", "odd"])
        request: Any
        if kind == "signal":
            request = SignalRun(name, workflow_id, "told", argument, "client", 0)
        elif kind == "update":
            when = draw.choice(["accepted", "completed"])
            request = UpdateRun(name, workflow_id, f"u-{name}", "add", argument, "client", 0, "", when)
        elif kind == "query":
            query = draw.choice(["heard"] * 5 + ["scribbled"])
            request = QueryRun(name, workflow_id, query, b"[]", "client", 0)
        else:
            request = SignalRun(name, workflow_id, draw.choice(["told", "nothing"]), b'["no number"]', "client", 0)
        self._send(later, request)
        while draw.random() < 0.3 and self._repeats:
            self._send(later + draw.uniform(0, 4), request)

    def _send(self, at: float, request: Any) -> None:
        partition = partition_of(request.workflow_id, self._broker.partitions)
        self._broker.later(at, self._broker.land, COMMANDS, partition, request.workflow_id.encode(), encode(request))
