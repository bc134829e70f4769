"""Partitions of a queue's tasks that this worker has: what is read of them, and how far each one is done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial

from sagaline._host.partition.guard import describe
from sagaline._host.partition.unfit import unfit
from sagaline._host.publishing.backoff import wait_s
from sagaline._host.publishing.deadletters import send_to_dead_letters
from sagaline._host.queues.finished import METADATA_BYTES, Finished
from sagaline._host.queues.tasks import Tasks
from sagaline._log import Committed, Log, Reader, Record
from sagaline._model.codec import UnreadableRecord, decode
from sagaline._model.records import Task

_log = logging.getLogger("sagaline.queues")
OPEN = 1_000
"""Tasks of one partition that are read and not done, before it is read no further."""
_GO_ON_BELOW = OPEN // 2
_NEARLY = METADATA_BYTES - 100


class _Partition:
    def __init__(self, committed: Committed) -> None:
        self.finished = Finished(committed)
        self.expected = self.finished.next  # the next offset that is read
        self.committed = committed
        self.is_paused = False

    @property
    def is_full(self) -> bool:
        """True when more tasks in flight might not fit into what is committed."""
        opened = self.finished.open_below(self.expected)
        if len(self.committed.metadata) > _NEARLY:
            return opened > 0
        return opened >= (_GO_ON_BELOW if self.is_paused else OPEN)


class Reading:
    """``reader`` is set before the first partition is begun."""

    reader: Reader

    def __init__(self, log: Log, topic: str, tasks: Tasks, clock: Callable[[], int]) -> None:
        self._log, self._topic, self._tasks, self._clock = log, topic, tasks, clock
        self._partitions: dict[int, _Partition] = {}
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._partitions)

    def begin(self, positions: dict[int, Committed]) -> None:
        """These are this worker's, from there on."""
        for number, committed in positions.items() if not self._is_closed else ():
            partition = self._partitions[number] = _Partition(committed)
            self.reader.add(self._topic, number, partition.expected)

    def end(self, numbers: Sequence[int]) -> None:
        """They are another's: what runs may end, the rest is left to that one."""
        for number in numbers:
            partition = self._partitions.pop(number, None)
            if partition is not None:
                self.reader.remove(self._topic, number)
                self._tasks.give_back(partition.finished)

    def positions(self) -> dict[int, Committed]:
        """How far partitions are done that have come further since this was asked."""
        changed: dict[int, Committed] = {}
        for number, partition in self._partitions.items():
            committed = partition.finished.committed
            if committed != partition.committed:
                changed[number] = partition.committed = committed
        return changed

    def close(self) -> None:
        """Takes nothing more; what becomes of the tasks that were taken is still noted."""
        self._is_closed = True

    # What is read

    def on_records(self, records: Sequence[Record]) -> None:
        """Records of tasks, in order. Whatever they are, they stop nothing."""
        for record in records:
            partition = self._partitions.get(record.partition)
            if partition is None or partition.is_paused or self._is_closed or record.offset < partition.expected:
                continue
            if record.offset > partition.expected:
                self._skip(record, partition)
            partition.expected = record.offset + 1
            if not partition.finished.has(record.offset):
                self._take(record, partition.finished)
            if partition.is_full:
                partition.is_paused = True
                self.reader.remove(self._topic, record.partition)

    def go_on(self) -> None:
        """Reads partitions again that had too many tasks in flight."""
        for number, partition in self._partitions.items():
            if partition.is_paused and not partition.is_full:
                partition.is_paused = False
                self.reader.add(self._topic, number, partition.expected)

    def _skip(self, record: Record, partition: _Partition) -> None:
        """Offsets without a record: those of tasks that the topic's retention has deleted, or that another program
        wrote in a transaction."""
        missing = record.offset - partition.expected
        if partition.expected == partition.finished.next:
            _log.error(
                "%s[%d]: %d offsets from %d on are not there any more. If they were tasks, retention.ms of the topic "
                "has deleted them before a worker read them: their runs wait until their time-outs.",
                *(self._topic, record.partition, missing, partition.expected),
            )
        partition.finished.add(partition.expected, record.offset)

    def _take(self, record: Record, finished: Finished) -> None:
        try:
            task = decode(record.value)
            if not isinstance(task, Task):
                cause = f"Expected a task but it is a {type(task).__name__}"
            elif (cause := unfit(task) or "") == "":
                self._tasks.take(task, finished, record.offset)
                return
        except UnreadableRecord as error:
            cause = str(error)
        except Exception as error:
            _log.exception("A task could not be taken")
            cause = f"{type(error).__name__}: {describe(error)}"
        self._bury(record, cause, finished, 0)

    def _bury(self, record: Record, cause: str, finished: Finished, failures: int) -> None:
        """It is done when it is surely among the dead letters."""
        self._tasks.counts["dead"] += not failures

        def on_done(error: str | None) -> None:
            if error is None:
                finished.add(record.offset)
                return
            again = partial(self._bury, record, cause, finished, failures + 1)
            asyncio.get_running_loop().call_later(wait_s(failures + 1), again)

        send_to_dead_letters(self._log, record, cause, self._clock, on_done)
