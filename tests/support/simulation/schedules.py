"""Schedules: made, paused, triggered and backfilled by clients, and deleted when nothing goes wrong any more."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from sagaline._log import COMMANDS
from sagaline._model.codec import encode
from sagaline._model.keys import partition_of
from sagaline._model.records import StartRun, UpdateRun
from sagaline._system.schedules.model import OVERLAPS, Definition, Rule, State
from simulation import load
from simulation.broker import Broker
from simulation.worker import EPOCH_MS

TYPE = "sagaline.schedule"
TURNS = 7
"""They continue as new after so many."""
_PLANS: list[load.Plan] = [
    [["sleep", 50]],
    [["act", "ok"]],
    [["sleep", 3_000]],
    [["sleep", 9_000]],
    [["act", "flaky"], ["sleep", 1_500], ["act", "fail"]],
]


class Schedules:
    """``draw`` is their own: other clients draw as they did before there were these."""

    def __init__(self, draw: random.Random, broker: Broker, repeats: bool) -> None:
        self._draw, self._broker, self._repeats = draw, broker, repeats

    def begin(self, within_s: float) -> None:
        """Plans what they are asked for."""
        draw = self._draw
        for number in range(draw.choice([1, 1, 2])):
            name, at = f"s{number}", draw.uniform(0, 10)
            self._make(at, name)
            for asked in range(draw.choice([0, 2, 5])):
                self._ask(at + draw.uniform(1, within_s - 12), name, asked)
            for later in (1.0, 40.0, 120.0):  # it is done once, and cannot be lost
                self._update(within_s + later, name, "resume", ["", "client"], f"{name}-last-resume")
                self._update(within_s + later + 20, name, "delete", [], f"{name}-delete")

    def _make(self, at: float, id: str) -> None:
        draw = self._draw
        every_ms = draw.choice([2_000, 3_000, 7_000])
        definition = Definition(
            draw.choice([load.plain, load.undoing]).name,
            [draw.choice(_PLANS)],
            (Rule("every", every_ms=every_ms, offset_ms=draw.choice([0, 500])),),
            jitter_ms=draw.choice([0, 0, 1_500]),
            overlap=draw.choice(OVERLAPS),
            catch_up_ms=draw.choice([5_000, 86_400_000]),
            pause_on_failure=draw.random() < 0.1,
            run_timeout_ms=draw.choice([0, 0, 5_000]),
        )
        state = State(id, definition, again_after=TURNS)
        payload = msgspec.json.encode([state])
        start = StartRun(f"{id}-start", f"{TYPE}/{id}", TYPE, payload, "client", 0, "accepted", "fail", "allow")
        self._send(at, start)
        while draw.random() < 0.3 and self._repeats:
            self._send(at + draw.uniform(0, 4), start)

    def _ask(self, at: float, id: str, number: int) -> None:
        draw = self._draw
        what = draw.choice(["pause", "resume", "resume", "trigger", "trigger", "backfill"])
        now_ms = EPOCH_MS + int((self._broker.loop.now_s + at) * 1_000)
        begin_ms = now_ms - draw.choice([5_000, 60_000])
        arguments: dict[str, list[Any]] = {"trigger": [""], "backfill": [begin_ms, begin_ms + 4_000, ""]}
        self._update(at, id, what, arguments.get(what, ["why not", "client"]), f"{id}-{number}")

    def _update(self, at: float, id: str, what: str, arguments: list[Any], name: str) -> None:
        payload = msgspec.json.encode(arguments)
        update = UpdateRun(f"{name}-{at:.3f}", f"{TYPE}/{id}", name, what, payload, "client", 0, "", "completed")
        self._send(at, update)
        if self._draw.random() < 0.3 and self._repeats:
            self._send(at + self._draw.uniform(0, 4), update)

    def _send(self, at: float, request: StartRun | UpdateRun) -> None:
        partition = partition_of(request.workflow_id, self._broker.partitions)
        self._broker.later(at, self._broker.land, COMMANDS, partition, request.workflow_id.encode(), encode(request))
