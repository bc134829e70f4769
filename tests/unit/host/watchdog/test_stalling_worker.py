"""Workflow code that never yields, in a worker process of its own: it is parked, all the others finish."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import stalling_worker
from harness import eventually

from sagaline import Client, RunError, RunHandle
from sagaline._host.watchdog.watchdog import STALLED

_SCRIPT = stalling_worker.__file__


class Supervised:
    """The worker, started again by ``keep`` as often as it ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder / 'log.db'}?partitions=2"
        self.state = folder / "state"
        self.codes: list[int] = []
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "output.log").open("ab") as output:
            command = [sys.executable, str(_SCRIPT), self.url, str(self.state)]
            self.process = subprocess.Popen(command, stdout=output, stderr=output)

    async def keep(self) -> None:
        while len(self.codes) < 10:
            self.start()
            assert self.process is not None
            await eventually(lambda: self.process.poll() is not None, 280)
            self.codes.append(self.process.returncode)

    def text(self) -> str:
        return (self.folder / "output.log").read_text()

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    made = Supervised(tmp_path)
    (tmp_path / "state").mkdir()
    yield made
    made.end()
    print(made.text())


async def parked(handle: RunHandle[object]) -> bool:
    return (await handle.describe(60)).status == "parked"


@pytest.mark.parametrize(
    ("name", "code"),
    [("spins", None), ("sleeps", None), ("explodes", None), ("spins_and_swallows", STALLED), ("hogs", 1)],
)
async def test_code_that_never_yields_is_parked_with_its_stack_and_good_runs_finish(
    supervised: Supervised, name: str, code: int | None
) -> None:
    keeper = asyncio.create_task(supervised.keep())
    try:
        await eventually((supervised.state / "ready").exists, 60)
        async with await Client.connect(supervised.url) as client:
            starts = [asyncio.create_task(client.start(stalling_worker.good, n, id=f"good-{n}")) for n in range(10)]
            bad = asyncio.create_task(client.start(getattr(stalling_worker, name), id="bad", timeout=120))
            starts += [
                asyncio.create_task(client.start(stalling_worker.good, n, id=f"good-{n}")) for n in range(10, 20)
            ]
            for number, start in enumerate(starts):
                assert await (await start).result(120) == 5 * number
            handle = await bad
            async with asyncio.timeout(120):
                while not await parked(handle):
                    await asyncio.sleep(0.1)
            described = await handle.describe()
            assert described.failure is not None
            assert described.failure.type == "Stalled"
            assert f"in {name}" in described.failure.stack
            assert await client.execute(stalling_worker.good, 7, id="afterwards") == 35
    finally:
        keeper.cancel()
    if code is not None:
        assert supervised.codes == [code]
    else:  # interrupted; on a machine under load the process may have been given up before that
        assert len(supervised.codes) <= 1
    assert "of 'bad'" in supervised.text() or "Run of bad" in supervised.text()


async def test_an_async_activity_that_never_yields_fails_its_attempt_and_all_else_goes_on(
    supervised: Supervised,
) -> None:
    keeper = asyncio.create_task(supervised.keep())
    try:
        await eventually((supervised.state / "ready").exists, 60)
        async with await Client.connect(supervised.url) as client:
            bad = await client.start(stalling_worker.calls_spin, id="bad")
            goods = [await client.start(stalling_worker.good, n, id=f"good-{n}", timeout=60) for n in range(5)]
            with pytest.raises(RunError) as caught:
                await bad.result(120)
            assert caught.value.type == "Interrupted"
            assert "let the event loop go on" in str(caught.value)
            for number, good in enumerate(goods):
                assert await good.result(60) == 5 * number
    finally:
        keeper.cancel()
    assert supervised.codes == []


async def test_an_activity_that_lets_no_thread_run_ends_the_worker_once_and_waits_for_a_person(
    supervised: Supervised,
) -> None:
    keeper = asyncio.create_task(supervised.keep())
    try:
        await eventually((supervised.state / "ready").exists, 60)
        async with await Client.connect(supervised.url) as client:
            bad = await client.start(stalling_worker.calls_hog, id="bad")
            goods = [await client.start(stalling_worker.good, n, id=f"good-{n}", timeout=60) for n in range(5)]
            for number, good in enumerate(goods):
                assert await good.result(120) == 5 * number
            async with asyncio.timeout(60):
                while not await parked(bad):
                    await asyncio.sleep(0.1)
            described = await bad.describe()
            assert described.failure is not None
            assert described.failure.type == "Stalled"
            assert "in hog" in described.failure.stack
    finally:
        keeper.cancel()
    assert supervised.codes == [1]
    assert "activity hog of 'bad'" in supervised.text()
