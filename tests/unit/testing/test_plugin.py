"""The plugin as a user has it: a test file of theirs, run by pytest in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEST = """
import pytest
from sagaline import activity, workflow

turns = []

@activity
async def greet(name: str) -> str:
    return "hello " + name

@workflow
async def welcome(name: str) -> str:
    turns.append(name)
    return await greet(name)

@pytest.mark.parametrize("name", ["a", "b"])
async def test_it(sagaline_env, name):
    async with sagaline_env(workflows=[welcome], activities=[greet]) as env:
        env.stand_in(greet, lambda name: f"stand-in for {name}")
        assert await env.execute(welcome, name) == f"stand-in for {name}"
        print("log", sagaline_env.log, "turns", turns.count(name))
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-s", "-q", "-p", "sagaline.testing.plugin", "-p", "no:cacheprovider"]
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    (folder / "test_of_a_user.py").write_text(TEST)
    return subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, timeout=120, env=os.environ)


def test_one_option_changes_the_log_and_one_replays_always(tmp_path: Path) -> None:
    plain = run(tmp_path)
    assert plain.returncode == 0, plain.stdout + plain.stderr
    assert "log memory turns 1" in plain.stdout
    other = run(tmp_path, "--sagaline-log", "sqlite", "--sagaline-replay-always")
    assert other.returncode == 0, other.stdout + other.stderr
    assert "sagaline.db turns 2" in other.stdout


def test_pytest_xdist_shares_the_tests_out_and_they_do_not_meet(tmp_path: Path) -> None:
    shared = run(tmp_path, "-n", "2", "--dist", "each", "--sagaline-log", f"sqlite:///{tmp_path / 'shared.db'}")
    assert shared.returncode == 0, shared.stdout + shared.stderr
    assert "4 passed" in shared.stdout, shared.stdout


def test_an_installed_package_brings_the_plugin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"sagaline.testing.plugin": "sagaline.testing.plugin"}
