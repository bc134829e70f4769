"""An outbox that an owner before has left behind, larger than its window."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from growing import disk_store, growth
from sagaline._engine.meta import Meta
from sagaline._engine.overlay import Overlay
from sagaline._engine.state import State
from sagaline._engine.tables.outbox import OutboxRow
from sagaline._host.options import HostOptions
from sagaline._host.partition.guard import Guard
from sagaline._host.partition.progress import Progress
from sagaline._host.publishing.outbox import Outbox
from sagaline._store import Store

_VALUE = b"x" * 400


class _LateLog:
    namespace = "bench"

    def __init__(self) -> None:
        self.waiting: deque[Callable[[str | None], None]] = deque()

    def publish(self, *record: Any) -> None:
        self.waiting.append(record[4])


@growth("messages of an outbox that was left behind", 5_000)
def left_behind(size: int) -> float:
    """All of them leave, a window at a time."""

    async def measure(store: Store) -> float:
        state = State(Overlay(store), Meta())
        row = OutboxRow("replies", 0, b"client", _VALUE)
        store.write([state.outbox.entry(offset, 0, row) for offset in range(size)])
        log: Any = _LateLog()
        guard = Guard(lambda lost: None)
        outbox = Outbox(
            log, HostOptions("w"), guard, Progress.begin(Meta(size)), state.outbox.messages, lambda row: False
        )
        began = time.perf_counter()
        outbox.begin()
        while log.waiting:
            log.waiting.popleft()(None)
        took = time.perf_counter() - began
        if not outbox.is_empty:
            raise RuntimeError("Expected all messages to leave")
        return took

    with disk_store() as store:
        return asyncio.run(measure(store))
