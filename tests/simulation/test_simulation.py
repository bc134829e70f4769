"""Thousands of seeds of the production host under every fault; and the checkers are proven by breaking the protocol."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from simulation.mutants import MUTANTS

SUPPORT = Path(__file__).parents[1] / "support"
SEEDS = 1_000  # of the 2,000 of `make simulate`: CI has half an hour for everything
CAUGHT_WITHIN = 150


@pytest.mark.timeout(1_500)
def test_no_seed_breaks_an_invariant() -> None:
    """A failing seed is shrunk, and the output names the command that repeats it."""
    command = [sys.executable, "-m", "simulation", "--seeds", str(SEEDS)]
    found = subprocess.run(command, cwd=SUPPORT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_seed_says_everything() -> None:
    run_alone("from simulation.world import run_seed; assert run_seed(7) == run_seed(7)")


def test_nothing_is_left_to_the_collector() -> None:
    """A coroutine that nobody has closed would run on, or complain, wherever it is collected."""
    run_alone(
        "import gc, warnings; from simulation.world import run_seed\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    for seed in range(1, 11):\n"
        "        run_seed(seed)\n"
        "    gc.collect()\n"
        "assert not caught, [f'{one.message}' for one in caught]"
    )


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_a_broken_protocol_is_caught(name: str) -> None:
    run_alone(
        f"from simulation.mutants import applied; from simulation.world import run_seed\n"
        f"with applied({name!r}):\n"
        f"    for seed in range(1, {CAUGHT_WITHIN} + 1):\n"
        f"        if caught := run_seed(seed).violations:\n"
        f"            break\n"
        f"assert caught, '{name} was not caught'\n"
        f"assert not any(own in caught[0] for own in ('AttributeError', 'TypeError', 'NameError')), caught[0]"
    )


def run_alone(code: str) -> None:
    """In a process of its own: what a killed process leaves to CPython 3.11's collector upsets its count of recursion."""
    command = [sys.executable, "-W", "ignore", "-c", code]
    found = subprocess.run(command, cwd=SUPPORT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-3000:]
