"""What benchmarks of recovery look at: history as it grows, disks, and a line a figure."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sagaline._log import HISTORY, Log, Record
from sagaline._model.codec import decode
from sagaline._model.records import History


def emit(name: str, aim: str = "", **figures: Any) -> None:
    """One JSON line."""
    sys.stdout.write(json.dumps({"measure": name, **figures} | ({"aim": aim} if aim else {})) + "\n")
    sys.stdout.flush()


class Watch:
    """Tails history and notes when each partition was last decided on."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.decided_at: dict[int, list[float]] = {number: [] for number in range(log.partitions)}
        self._reader = log.reader(self._on_records)

    async def begin(self) -> None:
        for number in self.decided_at:
            self._reader.add(HISTORY, number, (await self._log.bounds(HISTORY, number))[1])

    def _on_records(self, records: list[Record]) -> None:
        now = time.monotonic()
        for record in records:
            if record.value is not None and isinstance(decode(record.value), History):
                self.decided_at[record.partition].append(now)

    async def first_after(self, since: float, partitions: list[int], limit_s: float = 60) -> list[float]:
        """Seconds from ``since`` to each partition's first decision after it."""
        async with asyncio.timeout(limit_s):
            while True:
                found = [next((at for at in self.decided_at[one] if at > since), None) for one in partitions]
                if all(at is not None for at in found):
                    return sorted(round(at - since, 2) for at in found if at is not None)
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        await self._reader.close()


def disk_mb(folder: Path, pattern: str = "") -> float:
    """Megabytes on disk."""
    places = [str(path) for path in folder.rglob(pattern)] if pattern else [str(folder)]
    shown = subprocess.run(["du", "-scm", *places], capture_output=True, text=True, check=True).stdout
    return float(shown.splitlines()[-1].split()[0])
