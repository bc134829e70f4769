"""What the worker of a queue works with, from a task that is read to a result that is in the log."""

from __future__ import annotations

import asyncio
import logging

from sagaline._host.activities.runner import Place
from sagaline._host.activities.telling import runner_of
from sagaline._host.options import HostOptions
from sagaline._host.partition.guard import await_logged, call_logged
from sagaline._host.pools import Pools
from sagaline._host.queues.cancelled import Cancelled
from sagaline._host.queues.reading import Reading
from sagaline._host.queues.results import Results
from sagaline._host.queues.tasks import Setting, Tasks
from sagaline._log import Log, Reader, Record
from sagaline._model.records import ActivityResult, Heartbeat
from sagaline._model.tasks import cancel_topic, task_topic
from sagaline._runtime.definitions import Registry
from sagaline.errors import LogUnavailable

_log = logging.getLogger("sagaline.queues")
_RECONNECT_S = 2.0
_SETTLE_S = 5.0


class Work:
    """``begin`` before the first partition; ``close`` at the end. Make it on the event loop."""

    def __init__(self, log: Log, queue: str, registry: Registry, options: HostOptions) -> None:
        self._log, self._options = log, options
        self._pools = Pools()
        self._runner = runner_of(registry, options, self._pools, self._on_results, self._on_room)
        self._results, self._cancelled = Results(log), Cancelled()
        setting = Setting((f"{log.identity}/{log.namespace}", 0), options.member_id, options.clock)
        self.tasks = Tasks(setting, self._runner, self._results, self._cancelled)
        self.reading = Reading(log, task_topic(queue), self.tasks, options.clock)
        self._readers: list[Reader] = []
        self.is_paused = False

    async def begin(self, queue: str) -> None:
        """Reads all that was cancelled before the first task, or one that was given up might begin."""
        topic = cancel_topic(queue)
        while True:
            try:
                await self._log.queues.make(queue)
                begin, end = await self._log.bounds(topic, 0)
                async for batch in self._log.read(topic, 0, begin, end):
                    for record in batch:
                        self._cancelled.note(record)
                break
            except LogUnavailable as error:
                _log.error("%s Trying again.", error)
                await asyncio.sleep(_RECONNECT_S)
        self.reading.reader = self._log.reader(self._on_records)
        cancels = self._log.reader(self._on_cancels)
        cancels.add(topic, 0, end)
        self._readers = [self.reading.reader, cancels]

    # What comes in

    def _on_records(self, records: list[Record]) -> None:
        self.reading.on_records(records)
        self.press_back()

    def _on_cancels(self, records: list[Record]) -> None:
        for record in records:
            noted = self._cancelled.note(record)
            if noted is not None:
                self.tasks.stop(*noted)

    def _on_results(self, place: Place, results: list[ActivityResult | Heartbeat]) -> None:
        self.tasks.on_results(results)

    def _on_room(self, place: Place) -> None:
        self.tasks.start_left()

    def press_back(self) -> None:
        """Reads no more while too much waits."""
        waits = self._results.bytes_waiting > self._options.bytes_in_flight
        is_full = waits or self._runner.load.is_full
        if is_full is not self.is_paused:
            self.is_paused = is_full
            (self.reading.reader.pause if is_full else self.reading.reader.resume)()

    # The end

    async def finish(self) -> None:
        """Begins nothing more; what is at work may end within the grace, and results reach the log."""
        self.reading.close()
        if self._readers:
            call_logged("Stopping", self._readers[0].pause)
        await self._runner.drain(self._options.stop_grace_s)
        await self._results.sent(_SETTLE_S)

    async def close(self) -> None:
        """Stops everything: what is not done is another worker's."""
        self._runner.close()
        self._results.close()
        for reader in self._readers:
            await await_logged("Stopping", reader.close())
        self._pools.close()
