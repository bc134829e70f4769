"""Each example runs by one command, embedded, and says what it should."""

from __future__ import annotations

import subprocess
import sys

import pytest

SAID = {
    "subscription": r"all paid: 119.88 in 379 days",
    "ci_pipeline": r"what runs: {'staging': 'a1', 'production': 'a1'}",
    "data_processing": r"10000 items done, 0 failed",
    "account_locks": "tried again, 3000.00 on the accounts",
    "money_transfer": "69 transfers completed, 31 undone; 8,000.00 in both banks, as before",
    "trip_booking": "booked: AB 12, AB 12, Sea View, Sea View, a small car, a small car; paid: 2400.00",
    "infrastructure": "blog is taken down: ann says no: too dear",
    "approval": "approved=False by='nobody' reason='no answer in time'\nafter 13 days",
    "cluster_manager": "after 1439 looks in 29 runs",
}


@pytest.mark.parametrize("name", SAID)
def test_one_command_runs_it(name: str) -> None:
    command = [sys.executable, "-m", f"sagaline_sagas.{name}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert SAID[name] in done.stdout
