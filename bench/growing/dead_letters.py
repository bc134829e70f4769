"""A flood of poison records whose dead letters are acknowledged late."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from growing import growth
from sagaline._host.partition.guard import Guard
from sagaline._host.publishing.deadletters import DeadLetters
from sagaline._log import COMMANDS, Record


class _LateLog:
    namespace = "bench"

    def __init__(self) -> None:
        self.waiting: deque[Callable[[str | None], None]] = deque()

    def publish(self, *record: Any) -> None:
        self.waiting.append(record[4])


@growth("dead letters in a flood of poison", 1_250)
def flood(size: int) -> float:
    """So many letters are on their way at once; what is settled is asked for at each."""

    async def measure() -> float:
        log: Any = _LateLog()
        letters = DeadLetters(log, lambda: 0, Guard(lambda lost: None))
        began = time.perf_counter()
        for offset in range(size):
            letters.bury(Record(COMMANDS, 0, offset, b"key", b"poison"), "no header")
            letters.settled(COMMANDS, offset + 1)
        while log.waiting:
            log.waiting.popleft()(None)
            letters.settled(COMMANDS, size)
        return time.perf_counter() - began

    return asyncio.run(measure())
