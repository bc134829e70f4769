"""A deploy that rolls over two workers while runs are in flight: patched, the old branch gone, bad, and fixed."""

from __future__ import annotations

import signal
from collections import Counter
from functools import partial
from pathlib import Path

import harness
import pytest
from harness import eventually_async, make_namespace
from worker_process import WorkerProcess

from sagaline import Client, Status

pytestmark = pytest.mark.kafka
eventually = partial(harness.eventually, limit_s=60)
RUNS = 8
SHARED = """
import asyncio, os
from pathlib import Path
from sagaline import activity, saga, workflow

EFFECTS = Path(os.environ["EFFECTS"])

@activity
async def effect(what: str) -> None:
    with EFFECTS.open("a") as file:
        file.write(f"{what} {activity.info().idempotency_key}\\n")

@activity(timeout="10m")
async def gate(name: str) -> None:
    while not (EFFECTS.parent / name).exists():
        await asyncio.sleep(0.02)

@saga
async def order(id: str) -> str:
"""
V1 = """
    await effect(f"pay-{id}")
    await gate(id[0])
    await effect(f"ship-{id}")
    return "done"
"""
V2 = (
    """
    if workflow.patched("check"):
        await effect(f"check-{id}")
"""
    + V1
)
V3 = (
    """
    workflow.deprecate_patch("check")
    await effect(f"check-{id}")
"""
    + V1
)
BAD = V3.replace('    await effect(f"pay-{id}")\n', "")
FIXED = V3.replace(
    '    return "done"', '    if workflow.patched("thanks"):\n        await effect(f"thanks-{id}")\n    return "done"'
)


class Fleet:
    """Two workers, and the code that they have."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.workers: dict[str, WorkerProcess] = {}

    async def roll(self, version: str, code: str) -> None:
        """One after the other stops and comes back with the code."""
        sagas = self.folder / f"{version}.py"
        sagas.write_text(SHARED + code)
        for name in ("first", "second"):
            if (before := self.workers.get(name)) is not None:
                before.signal(signal.SIGTERM)
                await eventually(lambda before=before: before.process.poll() is not None)
            said = len(self.workers[name].text()) if name in self.workers else 0
            worker = WorkerProcess(self.url, name, self.folder, "--stop-grace", "100ms", sagas=sagas)
            self.workers[name] = worker
            await eventually(lambda worker=worker, said=said: "claimed at offset" in worker.text()[said:])

    def end(self) -> None:
        for worker in self.workers.values():
            worker.end()


async def test_runs_in_flight_follow_a_rolling_deploy_and_wait_for_code_that_can(
    kafka_url: str, tmp_path: Path
) -> None:
    fleet = Fleet(kafka_url, tmp_path)
    effects = tmp_path / "effects.txt"

    def paid() -> int:
        return effects.read_text().count("pay-") if effects.exists() else 0

    try:
        await make_namespace(kafka_url)
        async with await Client.connect(kafka_url) as client:

            async def start(group: str) -> None:
                before = paid()
                for number in range(RUNS):
                    await client.start_by_name("order", f"{group}{number}", id=f"{group}{number}")
                await eventually(lambda: paid() == before + RUNS)

            async def finish(group: str) -> None:
                (tmp_path / group).touch()
                for number in range(RUNS):
                    assert await client.handle(f"{group}{number}").result(60) == "done"

            async def advice() -> tuple[int, str]:
                (use,) = [use for use in await client.patches() if use.patch == "check"]
                return use.without, use.advice

            await fleet.roll("v1", V1)
            await start("a")
            await fleet.roll("v2", V2)
            await start("b")
            assert await advice() == (RUNS, "keep")
            await finish("a")
            assert await advice() == (0, "deprecate")
            await fleet.roll("v3", V3)
            await start("c")
            await finish("b")
            assert await advice() == (0, "remove")

            await fleet.roll("bad", BAD)
            (tmp_path / "c").touch()

            async def all_wait() -> bool:
                return len(await client.runs(Status.PARKED)) == RUNS

            await eventually_async(all_wait, limit_s=60)
            failure = (await client.handle("c0").describe()).failure
            assert failure is not None
            assert "activity 'effect' as step 2" in failure.message
            assert "bad.py:" in failure.message
            await fleet.roll("fixed", FIXED)
            await finish("c")
            assert await client.runs(Status.PARKED) == []
    finally:
        fleet.end()
    done = Counter(line.split()[0] for line in effects.read_text().splitlines())
    expected = [f"{what}-a{n}" for n in range(RUNS) for what in ("pay", "ship")]
    expected += [f"{what}-{group}{n}" for n in range(RUNS) for group in "bc" for what in ("check", "pay", "ship")]
    expected += [f"thanks-c{n}" for n in range(RUNS)]
    assert done == dict.fromkeys(expected, 1)
