"""Persons who have runs undone: those that have ended, and open ones in place of their code."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from sagaline._log import COMMANDS
from sagaline._model.codec import encode
from sagaline._model.keys import partition_of
from sagaline._model.records import TerminateRun, UndoRun
from simulation.book_checkers import Run
from simulation.broker import Broker

_THEIRS = ("run-", "saga-", "talk-", "order-")
"""Runs of whose ids are undone."""


class Undoers:
    """``runs`` tells of all that there are; ``is_kept`` of those that are surely not retired. ``draw`` is their own."""

    def __init__(
        self,
        draw: random.Random,
        broker: Broker,
        runs: Callable[[], Mapping[str, Run]],
        is_kept: Callable[[Run], bool],
        repeats: bool,
    ) -> None:
        self._draw, self._broker, self._runs, self._is_kept = draw, broker, runs, is_kept
        self._repeats = repeats
        self._asked = 0

    def begin(self, within_s: float) -> None:
        """Plans what they ask for, in two of three worlds."""
        draw = self._draw
        for _ in range(draw.choice([0, 4, 8])):
            self._broker.later(draw.uniform(2, within_s), self._undo)

    def _undo(self) -> None:
        draw = self._draw
        runs = {run_id: run for run_id, run in self._runs().items() if self._is_kept(run)}
        chosen = [run_id for run_id, run in runs.items() if run.workflow_id.startswith(_THEIRS)]
        if not chosen:
            return
        run_id = draw.choice(chosen)
        run = runs[run_id]
        self._asked += 1
        terminates = (run.terminal is None) == (draw.random() < 0.95)
        meant = run_id if draw.random() < 0.8 else ""
        request = UndoRun(f"undo-{self._asked}", run.workflow_id, meant, "sent back", "ann", terminates, "client", 0)
        self._send(0, request)
        if draw.random() < 0.3 and self._repeats:
            self._send(draw.uniform(0, 6), request)
        if draw.random() < 0.3:  # somebody else asks too
            other = UndoRun(f"undo-{self._asked}-too", run.workflow_id, run_id, "why", "bob", False, "client", 0)
            self._send(draw.uniform(0, 9), other)
        if draw.random() < 0.1:
            end = TerminateRun(f"undo-{self._asked}-end", run.workflow_id, "enough", "client", 0)
            self._send(draw.uniform(0, 3), end)

    def _send(self, after_s: float, request: Any) -> None:
        partition = partition_of(request.workflow_id, self._broker.partitions)
        self._broker.later(
            after_s, self._broker.land, COMMANDS, partition, request.workflow_id.encode(), encode(request)
        )
