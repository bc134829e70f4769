"""``sagaline worker --processes``: what dies is started again, and nothing outlives the supervisor."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from harness import eventually

from sagaline import Client

SAGAS = Path(__file__).parents[2] / "kafka" / "slow_sagas.py"


class Supervised:
    """The command, its output, and its workers' process ids."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.url = f"sqlite:///{folder / 'log.db'}?partitions=4"
        self.output = folder / "output.log"
        command = [sys.executable, "-m", "sagaline.cli", "worker", str(SAGAS), "--log", self.url, "--processes", "2"]
        command += ["--id", "many", "--state-dir", str(folder / "state"), "--stop-grace", "1", *more]
        environment = os.environ | {"EFFECTS": str(folder / "effects.txt")}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)

    def text(self) -> str:
        return self.output.read_text()

    def pids(self) -> list[int]:
        return [int(found) for found in re.findall(r"Worker process \d is process (\d+)", self.text())]

    def end(self) -> None:
        for pid in [self.process.pid, *self.pids()]:
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_a_killed_worker_is_started_again_and_sigterm_ends_all(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path)
    try:
        await eventually(lambda: supervised.text().count("claimed at offset") >= 4)
        first, second = supervised.pids()
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: len(supervised.pids()) == 3)
        assert "was ended by SIGKILL; it is started again in 0.5 s" in supervised.text()
        async with await Client.connect(supervised.url) as client:
            runs = [client.execute_by_name("slow", number, id=f"s-{number}") for number in range(8)]
            assert await asyncio.wait_for(asyncio.gather(*runs), 30) == [number * 4 for number in range(8)]
        supervised.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(supervised.process.wait, 20) == 0
        assert all(gone(pid) for pid in supervised.pids())
        assert second in supervised.pids()
    finally:
        supervised.end()


async def test_workers_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path)
    try:
        await eventually(lambda: supervised.text().count("claimed at offset") >= 4)
        supervised.process.kill()
        await eventually(lambda: all(gone(pid) for pid in supervised.pids()))
    finally:
        supervised.end()


async def test_a_wrong_set_up_is_not_tried_again(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path)
    supervised.end()
    command = [sys.executable, "-m", "sagaline.cli", "worker", str(tmp_path / "nothing.py"), "--processes", "2"]
    command += ["--log", supervised.url]
    wrong = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert wrong.returncode == 2
    assert "nothing.py" in wrong.stderr


@pytest.mark.parametrize("count", ["0", "-1"])
def test_a_count_below_one_is_refused(tmp_path: Path, count: str) -> None:
    command = [sys.executable, "-m", "sagaline.cli", "worker", str(SAGAS), "--log", "memory://x", "--processes", count]
    wrong = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert wrong.returncode == 2
