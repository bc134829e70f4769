"""The documentation runs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sagaline.cli import app

COMMANDS = "demo dev worker start signal query update result list show history cancel terminate doctor patches locks limits check export replay".split()
GROUPS = [
    ["activity", "complete"],
    ["activity", "fail"],
    ["runs", "parked"],
    ["runs", "retry"],
    ["runs", "release"],
    ["locks", "show"],
    ["limits", "show"],
    *(["saga", one] for one in "ledger graph preview retry edit done skip".split()),
    ["schedule", "create"],  # the others: tests/unit/cli/test_schedule.py
    ["topics", "apply"],
]
ROOT = Path(__file__).parents[2]


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)


def test_every_block_of_the_tutorial_runs(tmp_path: Path) -> None:
    file = tmp_path / "tutorial.py"
    file.write_text("".join(blocks("docs/tutorial.md")))
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "page", ["activities", "versioning", "long-lives", "workflows", "locks", "flow-control", "sagas", "schedules"]
)
def test_every_block_of_a_page_runs(page: str, tmp_path: Path) -> None:
    file = tmp_path / "page.py"
    file.write_text("".join(blocks(f"docs/{page}.md")))
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_tests_that_the_page_of_sagas_names_are_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "docs/sagas.md").read_text("utf-8"))
    assert len(named) >= 15
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_every_block_of_the_page_of_messages_runs(tmp_path: Path) -> None:
    file = tmp_path / "messages.py"
    file.write_text("".join(blocks("docs/messages.md")))
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_first_saga_of_the_readme_runs_as_it_says(tmp_path: Path) -> None:
    (code,) = blocks("README.md")
    assert len([line for line in code.splitlines() if line.strip()]) <= 30
    (tmp_path / "first.py").write_text(code)
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 150
    dev, start, refused, show = re.findall(r"^    \.venv/bin/sagaline ((?:dev|start|show) .*)$", text, re.MULTILINE)
    tool = f"{Path(sys.executable).parent}/sagaline"

    def run(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(f"{tool} {command}", shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    early = run(start)
    assert early.returncode == 2
    assert "or the log of `sagaline dev FILE`" in early.stderr
    with subprocess.Popen(
        f"exec {tool} {dev}", shell=True, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    ) as worker:
        try:
            deadline = time.monotonic() + 30
            while not (tmp_path / ".sagaline" / "dev.db").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            started = run(start)
            assert started.stdout.strip() == '"reservation-1, paid 500"', started.stderr
            declined = run(refused)
            assert declined.returncode == 1
            assert "run of order-2 compensated: CardDeclined: the bank says no" in declined.stderr
            shown = run(show)
            assert "compensated" in shown.stdout
            assert "activity scheduled" in shown.stdout
            missing = run(show.replace("order-2", "order-3"))
            assert missing.returncode == 3
            assert "'order-3' but there is none" in missing.stderr
        finally:
            worker.send_signal(signal.SIGTERM)
            said, _ = worker.communicate(timeout=30)
    assert worker.returncode == 0
    assert b"released reservation-2" in said
    assert "CardDeclined" in run(show).stdout, "without a worker the log itself is read"


def test_every_guarantee_names_a_test_that_exists() -> None:
    text = (ROOT / "docs" / "guarantees.md").read_text("utf-8")
    named = set(re.findall(r"`[^`]*?(\w+\.py)::(\w+)`", text))
    assert len(named) >= 8
    for file, test in named:
        texts = [place.read_text("utf-8") for place in (ROOT / "tests").rglob(file)]
        assert any(f"def {test}(" in text for text in texts), f"{file}::{test}"


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_command_has_help_with_an_example() -> None:
    for command in [*([name] for name in COMMANDS), *GROUPS]:
        done = CliRunner().invoke(app, [*command, "--help"])
        assert done.exit_code == 0
        assert "Example" in done.stdout
        assert "--json" in done.stdout, command
