"""A thousand random programs ask for the same in replay as live, in processes that hash differently; mutants are seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from programs.generate import program
from programs.mutants import MUTANTS
from programs.shrink import shrink

SUPPORT = Path(__file__).parents[1] / "support"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "programs", *arguments]
    return subprocess.run(command, cwd=SUPPORT, capture_output=True, text=True, timeout=800, check=False)


def test_a_thousand_programs() -> None:
    done = run("--programs", "1000")
    assert done.returncode == 0, done.stdout + done.stderr[-2_000:]
    assert done.stdout.startswith(
        "1000 programs from seed 0, hash seeds 1, 271828, replayed at every activation: 0 differ"
    )
    assert done.stderr == ""


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_noticed(mutant: str) -> None:
    processes = "2" if mutant == "strings_in_a_set" else "1"
    done = run("--programs", "60", "--mutant", mutant, "--hash-seeds", processes)
    assert done.returncode == 1, done.stdout
    assert "smallest program: [[" in done.stdout or "one process; program: [[" in done.stdout


def test_the_seed_of_a_failure_repeats_it() -> None:
    done = run("--programs", "60", "--mutant", "chance_of_the_machine", "--hash-seeds", "1")
    seed = done.stdout.partition("repeat it: make programs SEED=")[2].split()[0]
    again = run("--programs", "1", "--seed", seed, "--mutant", "chance_of_the_machine", "--hash-seeds", "1")
    assert again.returncode == 1
    assert f"seed {seed}; repeat it" in again.stdout


def test_the_smallest_program_that_still_fails_is_shown() -> None:
    body = [["gather", 0, [[["store"], ["lock", 0, [["sleep", 5], ["chance"]]]], [["fetch"]]]], ["turn"], ["names"]]
    assert shrink(body, lambda smaller: '"chance"' in str(smaller).replace("'", '"')) == [["chance"]]


def test_a_seed_makes_one_program() -> None:
    assert program(17) == program(17) != program(18)
