"""A worker process with activities that never end: SIGTERM ends it within its grace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import hung_sagas
import pytest
from harness import eventually

from sagaline import Client

ALL = {"in_thread", "late_in_thread", "swallows", "in_default_thread", "in_a_task_that_swallows"}


@pytest.mark.parametrize("signals", [1, 2])
async def test_hung_activities_do_not_keep_a_stopped_worker_alive(tmp_path: Path, signals: int) -> None:
    """Fault 18."""
    url = f"sqlite:///{tmp_path / 'log.db'}?partitions=2"
    begun = tmp_path / "begun"
    begun.mkdir()
    grace = "1s" if signals == 1 else "1h"
    command = [sys.executable, "-m", "sagaline.cli", "worker", hung_sagas.__file__, "--log", url, "--stop-grace", grace]
    with (tmp_path / "output.log").open("wb") as output:
        environment = os.environ | {"BEGUN": str(begun)}
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        await eventually(lambda: b"claimed" in (tmp_path / "output.log").read_bytes(), 60)
        async with await Client.connect(url) as client:
            await client.start(hung_sagas.hangs, id="h")
            await eventually(lambda: {file.name for file in begun.iterdir()} == ALL, 60)
        began = time.monotonic()
        for _ in range(signals):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
        await eventually(lambda: process.poll() is not None, 60)
        assert process.returncode == (0 if signals == 1 else 130)
        assert time.monotonic() - began < 30
    finally:
        process.kill()
        process.wait()
        print((tmp_path / "output.log").read_text())
