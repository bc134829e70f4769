"""A worker in a process of its own, and history as a bare reader finds it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from sagaline._log import HISTORY, open_log
from sagaline._model.codec import decode

SAGAS = Path(__file__).parents[1] / "kafka" / "slow_sagas.py"


class WorkerProcess:
    """``sagaline worker`` in a process of its own."""

    def __init__(self, url: str, name: str, folder: Path, *more: str, sagas: Path = SAGAS) -> None:
        self.output = folder / f"{name}.log"
        command = [sys.executable, "-m", "sagaline.cli", "worker", str(sagas), "--log", url, "--id", name]
        command += ["--state-dir", str(folder / name), *more]
        environment = os.environ | {"EFFECTS": str(folder / "effects.txt")}
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)

    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


async def history(url: str) -> dict[int, list[tuple[int, Any]]]:
    """All records of history by partition, decoded, with offsets."""
    log = open_log(url)
    await log.open()
    found: dict[int, list[tuple[int, Any]]] = {}
    for partition in range(log.partitions):
        _, end = await log.bounds(HISTORY, partition)
        found[partition] = [
            (record.offset, decode(record.value))
            async for batch in log.read(HISTORY, partition, 0, end)
            for record in batch
            if record.value is not None  # tombstones of what a zombie has written
        ]
    await log.close()
    return found
