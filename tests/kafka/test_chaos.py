"""A short run of ``make chaos``: three real brokers, three workers, and everything that can be done to them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.kafka
SUPPORT = Path(__file__).parents[1] / "support"
MINUTES = 3


@pytest.mark.timeout(600)
def test_orders_survive_killed_workers_and_brokers(seed: int) -> None:
    """The output names the seed, and the folder with the workers' logs, which stays when something is violated."""
    command = [sys.executable, "-m", "chaos", "--minutes", str(MINUTES), "--seed", str(seed)]
    found = subprocess.run(command, cwd=SUPPORT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr[-3000:]
    assert "Violations: 0" in found.stdout
