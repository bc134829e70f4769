"""A partition that nobody is given, from just after a request of one of its runs has left until the run that has it
may have been retired.

Nothing that comes of the request is heard, and no record says that it has left: it leaves again when the partition has
an owner.
"""

from __future__ import annotations

import random
from contextlib import suppress

from sagaline._log import COMMANDS, Record
from sagaline._model.codec import UnreadableRecord, decode
from sagaline._model.keys import partition_of
from sagaline._model.records import CancelRun, SignalRun, StartRun
from simulation.broker import Broker

SEEDS, SHARE, MESSAGES = 0.15, 0.1, True
"""Of seeds that have it, and of the requests of such a seed; whether messages from run to run are among these."""
FOR_S = (20.0, 35.0)


class Darkness:
    """Drawn from a source of its own, so that seeds keep their meaning."""

    def __init__(self, seed: int, broker: Broker, wanted: bool, within_s: float) -> None:
        self._draw, self._broker = random.Random(f"darkness {seed}"), broker
        self._until_s = broker.loop.now_s + within_s
        self._share = SHARE if self._draw.random() < SEEDS and wanted else 0.0

    def landed(self, record: Record) -> None:
        """A record is in the log."""
        if not self._share or record.topic != COMMANDS or self._broker.loop.now_s > self._until_s:
            return
        sender_id = _sender(record)
        partition = partition_of(sender_id, self._broker.partitions)
        if not sender_id or partition == record.partition or self._broker.workers.dark:
            return
        if self._draw.random() < self._share:
            self._broker.later(self._draw.uniform(0, 0.002), self._begin, partition)

    def _begin(self, partition: int) -> None:
        self._broker.marks["partition without an owner"] += 1
        self._broker.workers.dark.add(partition)
        self._broker.workers.rebalance()
        self._broker.later(self._draw.uniform(*FOR_S), self._end)

    def _end(self) -> None:
        self._broker.workers.dark.clear()
        self._broker.workers.rebalance()


def _sender(record: Record) -> str:
    with suppress(UnreadableRecord):
        request = decode(record.value)
        if isinstance(request, StartRun):
            return request.parent_id
        if MESSAGES and isinstance(request, SignalRun | CancelRun):
            return request.sender_id
    return ""
