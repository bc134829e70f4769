"""Task queues on the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from commands import command
from harness import eventually_async, running
from typer.testing import CliRunner

from sagaline import Worker, activity, workflow
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


@activity(queue="gpu")
async def scan() -> None: ...


@workflow
async def scans() -> None:
    await asyncio.gather(scan(), scan(), scan())


async def test_doctor_finds_tasks_that_nobody_works(url: str) -> None:
    async with running(url, [scans], [scan]) as (_, client):
        handle = await client.start(scans, id="s")

        async def queued() -> bool:
            return sum(step.queued_since is not None for step in (await handle.describe()).waits_for) == 3

        await eventually_async(queued)
        shown = await command("doctor", "--log", url, "--json")
        (queue,) = shown.json["queues"]
        assert (queue["queue"], queue["waiting"], queue["workers"]) == ("gpu", 3, 0)
        assert queue["oldest_at_ms"] > 0
        (finding,) = [one for one in shown.json["findings"] if one["subjects"] == ["queue gpu"]]
        assert (shown.code, finding["code"], finding["severity"]) == (1, "queue-no-worker", "error")
        async with Worker(url, queue="gpu", activities=[scan]):
            await handle.result()

            async def is_done() -> bool:
                (queue,) = (await command("doctor", "--log", url, "--json")).json["queues"]
                return (queue["waiting"], queue["workers"]) == (0, 1)

            await eventually_async(is_done)
