"""The first starts of today's worker on the log and the state directory that one of format 1 left behind: what the
changelog says under "Upgrading"."""

from __future__ import annotations

import logging
import tarfile
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import golden_sagas as golden
import pytest
from harness import Running, eventually_status, running

from sagaline import Activity, RunError, Workflow, activity, workflow

REBUILT = "it is rebuilt from the log"
attempts: list[str] = []


@activity
async def hang(what: str) -> str:
    """Ends now."""
    attempts.append(activity.info().idempotency_key)
    return what


@workflow
async def buggy(what: str) -> str:
    """Mended."""
    return await golden.reserve(what)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with tarfile.open(Path(__file__).parent / "format-1" / "worker.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def worker(
    folder: Path, workflows: Sequence[Workflow[Any, Any]], activities: Sequence[Activity[Any, Any]]
) -> AbstractAsyncContextManager[Running]:
    url = f"sqlite:///{folder / 'log.db'}?partitions=2"
    options = {"state_dir": folder / "state", "worker_id": "worker", "stop_grace": 0.1, "retention": "36500d"}
    return running(url, workflows, activities, **options)  # type: ignore[arg-type]


async def test_runs_of_an_older_worker_stand_as_they_stood_and_go_on(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with worker(folder, golden.WORKFLOWS, golden.ACTIVITIES) as (first, client):
        await first._host.wait_live(2)
        assert caplog.text.count(REBUILT) == 2, "the state of both partitions"
        stands = {name: (await client.handle(name).describe()).status.value for name in STATUSES}
        assert stands == STATUSES
        assert await client.handle("completed").result(10) == ["reserved ok", "reserved flaky"]
        with pytest.raises(RunError, match="no"):
            await client.handle("compensated").result(10)
        assert len(await client.handle("open-step").history()) == 4

    caplog.clear()
    mended = [buggy if one.name == "buggy" else one for one in golden.WORKFLOWS]
    activities = [hang if one.name == "hang" else one for one in golden.ACTIVITIES]
    async with worker(folder, mended, activities) as (second, client):
        await second._host.wait_live(2)
        assert REBUILT not in caplog.text, "once"
        assert await client.handle("parked").result(10) == "reserved ok"
        assert await client.handle("open-step").result(10) == "hang"
        assert len(attempts) == 1
        for name in ("open-retry", "asleep"):
            await client.handle(name).cancel()
            await eventually_status(client.handle(name), "cancelled")
        assert await client.execute(golden.steps, ["ok"], id="new") == ["reserved ok"]


STATUSES = {
    "completed": "completed",
    "compensated": "compensated",
    "open-step": "running",
    "open-retry": "running",
    "asleep": "running",
    "parked": "parked",
}
