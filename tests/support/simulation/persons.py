"""Clients that start plans with scopes and pivots, and the persons who look after the steps that wait for them."""

from __future__ import annotations

import random
from typing import Any

from sagaline._log import COMMANDS
from sagaline._model.activities import DONE, EDIT, RETRY, SKIP
from sagaline._model.codec import encode
from sagaline._model.keys import partition_of
from sagaline._model.records import CancelRun, RepairActivity, StartRun, TerminateRun
from sagaline._runtime.signatures import Signature
from simulation import load, sagas
from simulation.broker import Broker
from simulation.parking_checkers import Parked, ParkingChecks

_LOOKS_EVERY_S = 3.0


class Persons:
    """``draw`` is their own: other clients draw as they did before there were these."""

    def __init__(self, draw: random.Random, broker: Broker, parking: ParkingChecks, repeats: bool) -> None:
        self._draw, self._broker, self._parking, self._repeats = draw, broker, parking, repeats
        self._asked = 0

    def begin(self, within_s: float) -> None:
        """Plans the runs, in three of four of their worlds."""
        draw = self._draw
        count = draw.choice([0, 2, 3, 4])
        for number in range(count):
            self._start(f"saga-{number}", draw.uniform(0, within_s * 0.8))
        if count:
            self._broker.later(draw.uniform(0, _LOOKS_EVERY_S), self._look)

    def _start(self, workflow_id: str, at: float) -> None:
        draw = self._draw
        workflow: Any = draw.choice([load.plain, load.plain, load.undoing, load.undoing, sagas.deal])
        if workflow is sagas.deal:
            arguments: tuple[Any, ...] = tuple(sagas.make_deal(draw))
        else:
            plan = sagas.make_plan(draw, has_pivots=workflow is load.plain)
            arguments = (plan, draw.choice([0, 0, 0, 1]))
        signature: Signature = workflow.definition.signature
        payload = signature.encode_input(arguments, {})
        start = StartRun(f"{workflow_id}-start", workflow_id, workflow.name, payload, "client", 0, "closed")
        self._send(at, start)
        if draw.random() < (0.5 if workflow is sagas.deal else 0.25):
            self._send(at + draw.uniform(0, 6), CancelRun(f"{workflow_id}-cancel", workflow_id, "no", "client", 0))
        if draw.random() < 0.05:
            end = TerminateRun(f"{workflow_id}-end", workflow_id, "enough", "client", 0)
            self._send(at + draw.uniform(0, 10), end)
        if draw.random() < 0.3:
            self._repair(at + draw.uniform(0, 8), workflow_id, "", draw.randint(1, 9), "nobody waits for it")

    def _look(self) -> None:
        """What waits is seen to, by one person, or by two who do not know of each other."""
        draw = self._draw
        for parked in self._parking.waiting():
            for _ in range(draw.choice([0, 1, 1, 1, 2])):
                self._see_to(parked)
        self._broker.later(draw.uniform(0.5, 2) * _LOOKS_EVERY_S, self._look)

    def _see_to(self, parked: Parked) -> None:
        self._repair(self._draw.uniform(0, 2), parked.workflow_id, parked.run_id, parked.step, parked.input)

    def _repair(self, at: float, workflow_id: str, run_id: str, step: int, given: str) -> None:
        draw = self._draw
        self._asked += 1
        action = draw.choice([RETRY, RETRY, EDIT, DONE, SKIP]) if draw.random() < 0.95 else "shrug"
        payload = b""
        if action == EDIT:
            others = b',"edited"' * given.count(",")
            payload = b'["ok"%b]' % others if draw.random() < 0.9 else b"[1,2,3,4]"
        name = f"repair-{self._asked}-{workflow_id}"
        request = RepairActivity(name, workflow_id, step, action, payload, "so be it", "ann", "client", 0, run_id)
        self._send(at, request)
        while draw.random() < 0.2 and self._repeats:
            self._send(at + draw.uniform(0, 4), request)

    def _send(self, at: float, request: Any) -> None:
        partition = partition_of(request.workflow_id, self._broker.partitions)
        self._broker.later(at, self._broker.land, COMMANDS, partition, request.workflow_id.encode(), encode(request))
