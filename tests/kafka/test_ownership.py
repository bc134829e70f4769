"""Two owners of one partition on a real broker: whatever the first one does when it wakes, nothing of it counts."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import harness
import pytest
from harness import make_namespace
from worker_process import WorkerProcess, history

from sagaline import Client
from sagaline._engine.validity import Validity
from sagaline._log import HISTORY, open_log
from sagaline._model import events as e
from sagaline._model.codec import encode
from sagaline._model.keys import history_key
from sagaline._model.records import Claim, History

pytestmark = pytest.mark.kafka
eventually = partial(harness.eventually, limit_s=40)


def check(records: list[tuple[int, Any]]) -> dict[str, list[e.Event]]:
    """The valid events of each run: numbered without gap, one terminal event, each result once."""
    validity = Validity(-1)
    runs: dict[str, list[e.Event]] = {}
    for offset, record in records:
        valid = validity.admit(offset, record)
        if isinstance(valid, History):
            run = runs.setdefault(valid.workflow_id, [])
            assert valid.first_event_id == len(run) + 1, f"a gap or a repeat in {valid.workflow_id} at {offset}"
            run += valid.events
    for workflow_id, run in runs.items():
        ends = [number for number, event in enumerate(run) if isinstance(event, e.RunCompleted | e.RunFailed)]
        assert len(ends) <= 1, workflow_id
        assert not ends or ends[0] == len(run) - 1, workflow_id
        done = Counter(event.step for event in run if isinstance(event, e.ActivityCompleted | e.ActivityFailed))
        assert all(count == 1 for count in done.values()), workflow_id
    return runs


async def test_a_zombie_wakes_and_nothing_of_it_is_believed(kafka_url: str, tmp_path: Path) -> None:
    url = kafka_url.replace("partitions=2", "partitions=1")
    first = WorkerProcess(url, "first", tmp_path)
    second: WorkerProcess | None = None
    try:
        await make_namespace(url)
        async with await Client.connect(url) as client:
            await eventually(lambda: "claimed at offset" in first.text())
            running = [
                asyncio.create_task(client.execute_by_name("slow", number, id=f"z-{number}")) for number in range(30)
            ]
            effects = tmp_path / "effects.txt"
            await eventually(lambda: effects.exists() and len(effects.read_text().splitlines()) >= 20)
            first.signal(signal.SIGSTOP)
            second = WorkerProcess(url, "second", tmp_path)
            await eventually(lambda: second is not None and "claimed at offset" in second.text())
            before = len(effects.read_text().splitlines())
            await eventually(lambda: len(effects.read_text().splitlines()) > before)
            first.signal(signal.SIGCONT)
            results = await asyncio.wait_for(asyncio.gather(*running), 60)
            assert results == [number * 4 for number in range(30)]
        found = await history(url)
        runs = check(found[0])
        assert len(runs) == 30
        assert all(isinstance(run[-1], e.RunCompleted) for run in runs.values())
        assert sum(1 for _, record in found[0] if isinstance(record, Claim)) >= 2
        # and it lives on: the second one dies, the first takes over again
        second.end()
        await make_namespace(url)
        async with await Client.connect(url) as client:
            assert await asyncio.wait_for(client.execute_by_name("slow", 100, id="after"), 60) == 400
        check((await history(url))[0])
    finally:
        first.end()
        if second is not None:
            second.end()


async def test_a_zombies_record_in_the_log_is_not_valid(kafka_url: str, tmp_path: Path) -> None:
    """A record with an old epoch lands behind a newer claim: the owner, the store and every reader ignore it."""
    url = kafka_url.replace("partitions=2", "partitions=1")
    worker = WorkerProcess(url, "one", tmp_path)
    try:
        await make_namespace(url)
        async with await Client.connect(url) as client:
            await eventually(lambda: "claimed at offset" in worker.text())
            assert await client.execute_by_name("slow", 1, id="a") == 4
        worker.end()
        worker = WorkerProcess(url, "one", tmp_path)
        await eventually(lambda: worker.text().count("claimed at offset") == 2)
        forged = History(
            0, 1, "a", "forged", 1, 10**6, 0, 0, (), False, (e.RunStarted("slow", b"[1]", "f", "", 0, ""),)
        )
        log = open_log(url)
        await log.open()
        done = asyncio.get_running_loop().create_future()
        log.publish(HISTORY, 0, history_key("a", "forged", 1, 0), encode(forged), done.set_result)
        assert await done is None
        await log.close()
        await make_namespace(url)
        async with await Client.connect(url) as client:
            assert await client.execute_by_name("slow", 2, id="b") == 8
            assert (await client.handle("a").describe()).status == "completed"
        assert "ignored foreign records" in worker.text()
        assert set(check((await history(url))[0])) == {"a", "b"}
    finally:
        worker.end()


async def test_an_empty_state_directory_is_rebuilt_from_the_topics(kafka_url: str, tmp_path: Path) -> None:
    first = WorkerProcess(kafka_url, "one", tmp_path)
    try:
        await make_namespace(kafka_url)
        async with await Client.connect(kafka_url) as client:
            for number in range(5):
                assert await client.execute_by_name("slow", number, id=f"r-{number}") == number * 4
            first.end()
            (tmp_path / "one").rename(tmp_path / f"gone-{uuid.uuid4().hex}")
            first = WorkerProcess(kafka_url, "one", tmp_path)
            for number in range(5):
                described = await client.handle(f"r-{number}").describe()
                assert (described.status, described.result) == ("completed", number * 4)
            # the same id again gives the same run: nothing runs twice
            assert await client.execute_by_name("slow", 3, id="r-3") == 12
    finally:
        first.end()
    effects = (tmp_path / "effects.txt").read_text().splitlines()
    assert len(effects) == len(set(effects)) == 10


async def test_sigterm_lets_running_activities_finish_and_be_recorded(kafka_url: str, tmp_path: Path) -> None:
    worker = WorkerProcess(kafka_url, "one", tmp_path)
    try:
        await make_namespace(kafka_url)
        async with await Client.connect(kafka_url) as client:
            running = asyncio.create_task(client.execute_by_name("slow", 7, id="t"))
            effects = tmp_path / "effects.txt"
            await eventually(effects.exists)
            worker.signal(signal.SIGTERM)
            await eventually(lambda: worker.process.poll() is not None)
            assert worker.process.returncode == 0
            worker = WorkerProcess(kafka_url, "one", tmp_path)
            assert await asyncio.wait_for(running, 40) == 28
    finally:
        worker.end()
    lines = effects.read_text().splitlines()
    assert len(lines) == len(set(lines)), "an activity that could finish was repeated"
