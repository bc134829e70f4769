"""A partition that nobody is given, from just after it has asked for a child until that may have been retired.

What it has sent has left, and no record says so: it leaves again when the partition has an owner.
"""

from __future__ import annotations

import random

from sagaline._log import HISTORY, Record
from sagaline._model.codec import decode
from sagaline._model.events import ChildRequested, MessageRequested
from sagaline._model.records import History
from simulation.broker import Broker

SEEDS, SHARE = 0.15, 0.1
"""Of seeds that have it, and of the records of such a seed that ask another run for something."""


class Darkness:
    """Drawn from a source of its own, so that seeds keep their meaning."""

    def __init__(self, seed: int, broker: Broker, wanted: bool, within_s: float) -> None:
        self._draw, self._broker, self._within_s = random.Random(seed), broker, within_s
        self._share = SHARE if self._draw.random() < SEEDS and wanted else 0.0

    def landed(self, record: Record) -> None:
        """A record is in the log."""
        if not self._share or record.topic != HISTORY or record.value is None:
            return
        decided = decode(record.value)
        if not isinstance(decided, History) or self._broker.workers.dark or self._broker.loop.now_s > self._within_s:
            return
        if any(isinstance(event, ChildRequested | MessageRequested) for event in decided.events):
            if self._draw.random() < self._share:
                self._broker.later(self._draw.uniform(0, 0.01), self._begin, record.partition)

    def _begin(self, partition: int) -> None:
        self._broker.marks["partition without an owner"] += 1
        self._broker.workers.dark.add(partition)
        self._broker.workers.rebalance()
        self._broker.later(self._draw.uniform(20, 35), self._end)

    def _end(self) -> None:
        self._broker.workers.dark.clear()
        self._broker.workers.rebalance()
