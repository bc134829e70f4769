"""Task queues on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sagaline.cli import app

SAGAS = """
from sagaline import activity, workflow

@activity(queue="gpu")
async def scan() -> None: ...

@workflow
async def scans() -> None:
    await scan()
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'log.db'}?partitions=2"


def test_the_topics_of_a_queue_are_planned(url: str) -> None:
    done = CliRunner().invoke(app, ["topics", "apply", "--log", url, "--queue", "gpu", "--dry-run", "--json"])
    assert done.exit_code == 0, done.output
    plans = {plan["topic"]: plan["partitions"] for plan in json.loads(done.stdout)}
    assert plans["tasks.gpu"] == 2
    assert plans["cancels.gpu"] == 1


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (SAGAS, ["--queue", "a.b"], "Expected queue to be 1 to 100 letters"),
        ("x = 1\n", ["--queue", "gpu"], "Expected @activity functions"),
    ],
)
def test_a_worker_that_cannot_work_a_queue_says_why(
    tmp_path: Path, url: str, code: str, arguments: list[str], message: str
) -> None:
    file = tmp_path / "sagas.py"
    file.write_text(code)
    done = CliRunner().invoke(app, ["worker", str(file), "--log", url, *arguments])
    assert done.exit_code != 0
    assert message in " ".join(f"{done.output} {done.exception}".split())
