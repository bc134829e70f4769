"""Thousands of seeds of the production host under every fault; and the checkers are proven by breaking the protocol."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from simulation.alone import alone, caught, left, report
from simulation.found_by import seeds_for
from simulation.mutants import MUTANTS

SUPPORT = Path(__file__).parents[1] / "support"
SEEDS = 1_000  # of the 2,000 of `make simulate`: CI has half an hour for everything


@pytest.mark.takes(350)
@pytest.mark.timeout(1_500)
def test_no_seed_breaks_an_invariant() -> None:
    """A failing seed is shrunk, and the output names the command that repeats it."""
    command = [sys.executable, "-m", "simulation", "--seeds", str(SEEDS)]
    found = subprocess.run(command, cwd=SUPPORT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_seed_says_everything() -> None:
    assert alone(report, 7) == alone(report, 7)


def test_nothing_is_left_to_the_collector() -> None:
    """A coroutine that nobody has closed would run on, or complain, wherever it is collected."""
    assert alone(left, range(1, 11)) == []


@pytest.mark.takes(4)
@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_a_broken_protocol_is_caught(name: str) -> None:
    """By what it does to runs, not by an error of its own. The seed that has found it last is tried first."""
    seed, found = alone(caught, name, list(seeds_for(name)))
    assert found, f"{name} was not caught"
    print(f"by seed {seed}")
    assert not any(own in found[0] for own in ("AttributeError", "TypeError", "NameError")), found[0]
