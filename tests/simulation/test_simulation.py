"""Thousands of seeds of the production host under every fault; and the checkers are proven by breaking the protocol."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from simulation.mutants import MUTANTS, applied
from simulation.world import run_seed

SUPPORT = Path(__file__).parents[1] / "support"
SEEDS = 2_000
CAUGHT_WITHIN = 150


@pytest.mark.timeout(900)
def test_no_seed_breaks_an_invariant() -> None:
    """A failing seed is shrunk, and the output names the command that repeats it."""
    command = [sys.executable, "-m", "simulation", "--seeds", str(SEEDS)]
    found = subprocess.run(command, cwd=SUPPORT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_seed_says_everything() -> None:
    first, second = run_seed(7), run_seed(7)
    assert first == second


@pytest.mark.parametrize("name", sorted(MUTANTS))
@pytest.mark.filterwarnings("ignore")
def test_a_broken_protocol_is_caught(name: str) -> None:
    with applied(name):
        assert any(run_seed(seed).violations for seed in range(1, CAUGHT_WITHIN + 1)), f"{name} was not caught"
