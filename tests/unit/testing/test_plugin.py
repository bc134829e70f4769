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


def test_two_processes_at_once_do_not_meet(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "sagaline.testing.plugin", "-p", "no:cacheprovider"]
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    (tmp_path / "test_of_a_user.py").write_text(TEST)
    log = f"sqlite:///{tmp_path / 'shared.db'}"
    both = [
        subprocess.Popen([*command, "--sagaline-log", log], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said


def test_an_installed_package_brings_the_plugin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"sagaline.testing.plugin": "sagaline.testing.plugin"}
