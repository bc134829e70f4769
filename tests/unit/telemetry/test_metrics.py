"""What a worker counts: sagas, runs, attempts; and what waits for a person, also behind a restart."""

from __future__ import annotations

import asyncio
import builtins
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import parking_sagas as world
import pytest
from harness import Running, eventually_status, running
from prometheus_client.parser import text_string_to_metric_families

from sagaline import ApplicationError, ConfigurationError, Retry, Worker, WorkerOptions, activity, saga, workflow

Sample = tuple[str, frozenset[tuple[str, str]]]
failures: list[int] = []


@activity(retry=Retry(first_interval="10ms"))
async def flaky(times: int) -> int:
    failures.append(times)
    if len(failures) <= times:
        raise ConnectionError("not yet")
    return times


@workflow
async def patient(times: int) -> int:
    return await flaky(times)


@workflow
async def with_a_part(sku: str) -> str:
    async with saga():
        await world.book(sku)
        raise ApplicationError("no")


@workflow
async def remote() -> int:
    return await flaky.options(queue="gpu")(0)


WORKFLOWS: list[Any] = [*world.WORKFLOWS, patient, with_a_part]
ACTIVITIES: list[Any] = [*world.ACTIVITIES, flaky]


@pytest.fixture(autouse=True)
def clean() -> None:
    world.mended.clear()
    world.seen.clear()
    failures.clear()


def scrape(port: int, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return str(answer.read().decode())


async def samples(worker: Worker) -> dict[Sample, float]:
    """All samples by name and labels, without the namespace; read by Prometheus' own parser."""
    assert worker.metrics_port
    text = await asyncio.to_thread(scrape, worker.metrics_port)
    return {
        (sample.name, frozenset((k, v) for k, v in sample.labels.items() if k != "namespace")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: dict[Sample, float], name: str, **labels: str) -> float:
    return found.get((f"sagaline_{name}", frozenset(labels.items())), 0.0)


async def until(worker: Worker, holds: Callable[[dict[Sample, float]], bool]) -> dict[Sample, float]:
    while not holds(found := await samples(worker)):
        await asyncio.sleep(0.02)
    return found


def measured(url: str, **more: Any) -> Any:
    return running(url, WORKFLOWS, ACTIVITIES, metrics_port=0, metrics_host="127.0.0.1", **more)


async def park(at: Running, sku: str = "dear") -> Any:
    handle = await at.client.start(world.order, sku, id=f"order-{sku}")
    await eventually_status(handle, "parked")
    return handle


async def test_sagas_are_counted_and_what_waits_for_a_person(tmp_path: Path) -> None:
    async with measured(f"memory://{tmp_path.name}") as at:
        handle = await park(at)
        found = await until(at.worker, lambda found: value(found, "runs_parked", workflow="order") == 1)
        assert value(found, "steps_parked", activity="release") == 1
        assert value(found, "step_parked_oldest_seconds", activity="release") >= 0
        assert value(found, "runs_open", workflow="order") == 1
        world.mended |= {"dear", "good"}
        await handle.saga.retry(reason="mended", by="ann")
        assert await at.client.execute(world.order, "good", id="order-good") == "good is on its way"
        await eventually_status(handle, "compensated")
        found = await until(at.worker, lambda found: value(found, "runs_open", workflow="order") == 0)
        assert value(found, "runs_parked", workflow="order") == value(found, "steps_parked", activity="release") == 0
        assert value(found, "sagas_started_total", workflow="order") == 2
        ended = {
            outcome: value(found, "sagas_ended_total", workflow="order", outcome=outcome)
            for outcome in ("compensated", "completed", "failed")
        }
        assert ended == {"compensated": 1, "completed": 1, "failed": 0}
        assert value(found, "runs_ended_total", workflow="order", status="compensated") == 1
        assert value(found, "parks_total", workflow="order") == 1
        assert value(found, "repairs_total", workflow="order", action="retry") == 1
        assert value(found, "saga_compensate_seconds_count", workflow="order") == 1
        assert value(found, "run_seconds_count", workflow="order") == 2
        undone = {"activity": "release", "kind": "compensation"}
        assert value(found, "activity_attempts_total", outcome="failed", **undone) == 1
        assert value(found, "activity_attempts_total", outcome="completed", **undone) == 1
        assert value(found, "activity_retries_total", **undone) == 1


async def test_a_part_of_a_workflow_is_a_saga_and_other_workflows_are_none(tmp_path: Path) -> None:
    async with measured(f"memory://{tmp_path.name}") as at:
        assert await at.client.execute(patient, 2, id="patient") == 2
        with pytest.raises(Exception, match="no"):
            await at.client.execute(with_a_part, "a", id="part")
        found = await until(at.worker, lambda found: value(found, "runs_open", workflow="with_a_part") == 0)
        assert value(found, "sagas_started_total", workflow="with_a_part") == 1
        assert value(found, "sagas_ended_total", workflow="with_a_part", outcome="failed") == 1
        assert value(found, "sagas_started_total", workflow="patient") == 0
        assert value(found, "runs_started_total", workflow="patient") == 1
        assert value(found, "activity_attempts_total", activity="flaky", kind="step", outcome="failed") == 2
        assert value(found, "activity_retries_total", activity="flaky", kind="step") == 2
        assert value(found, "activity_attempt_seconds_count", activity="flaky") == 3
        assert value(found, "schedule_to_start_seconds_count", queue="") >= 4
        assert value(found, "partitions_owned") == len(at.worker._host.live)  # type: ignore[union-attr]


@pytest.mark.parametrize("keeps_state", [True, False])
async def test_what_is_parked_shows_again_behind_a_restart(tmp_path: Path, keeps_state: bool) -> None:
    url, state = f"sqlite:///{tmp_path}/log.db?partitions=2", tmp_path / "state" if keeps_state else None
    async with measured(url, state_dir=state) as at:
        await park(at)
        await park(at, "heavy")
    async with measured(url, state_dir=state) as at:
        found = await until(at.worker, lambda found: value(found, "runs_open", workflow="order") == 2)
        assert value(found, "runs_parked", workflow="order") == 2
        assert value(found, "steps_parked", activity="release") == value(found, "steps_parked", activity="ship") == 1
        assert value(found, "step_parked_oldest_seconds", activity="ship") > 0
        assert value(found, "runs_started_total", workflow="order") == 0, "counters begin with the process"
        world.mended.add("heavy")
        await at.client.handle("order-heavy").saga.retry(reason="mended", by="ann")
        found = await until(at.worker, lambda found: value(found, "runs_open", workflow="order") == 1)
        assert value(found, "runs_parked", workflow="order") == 1
        assert value(found, "steps_parked", activity="ship") == 0


async def test_nothing_but_metrics_is_answered_and_nothing_behind_the_end(tmp_path: Path) -> None:
    async with measured(f"memory://{tmp_path.name}") as at:
        port = at.worker.metrics_port
        assert port
        for path in ("/", "/metrics/..", "/healthz"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                await asyncio.to_thread(scrape, port, path)
    with pytest.raises(OSError):  # noqa: PT011  # refused or reset, as the system has it
        await asyncio.to_thread(scrape, port)


async def test_a_port_that_is_taken_is_said_and_nothing_is_left_behind(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        options = WorkerOptions(metrics_port=taken.getsockname()[1], metrics_host="127.0.0.1")
        worker = Worker(f"memory://{tmp_path.name}", workflows=WORKFLOWS, activities=ACTIVITIES, options=options)
        with pytest.raises(ConfigurationError, match="to serve metrics on"):
            await worker.start()


def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *args: Any, **more: Any) -> Any:
        if name.endswith("telemetry._prometheus"):
            raise ImportError("No module named 'prometheus_client'")
        return original(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    options = WorkerOptions(metrics_port=0)
    with pytest.raises(ConfigurationError, match=r"pip install 'sagaline\[metrics\]'"):
        Worker("memory://x", workflows=WORKFLOWS, activities=ACTIVITIES, options=options)


@pytest.mark.parametrize(
    "wrong", [{"metrics_port": -1}, {"metrics_port": 70_000}, {"metrics_port": "9100"}, {"metrics_host": ""}]
)
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="metrics_"):
        WorkerOptions(**wrong)


def test_without_a_port_nothing_is_measured() -> None:
    worker = Worker("memory://x", workflows=WORKFLOWS, activities=ACTIVITIES)
    assert worker.metrics_port is None
    assert worker._host_options(None, None).hooks is None  # type: ignore[arg-type]


async def test_the_worker_of_a_queue_counts_its_attempts_and_how_long_they_waited_for_one(tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}"
    options = WorkerOptions(metrics_port=0, metrics_host="127.0.0.1")
    async with running(url, [remote], [flaky]) as at:
        handle = await at.client.start(remote, id="remote")
        async with Worker(url, queue="gpu", activities=[flaky], options=options) as worker:
            assert await handle.result() == 0
            attempts = {"activity": "flaky", "kind": "step", "outcome": "completed"}
            found = await until(worker, lambda found: value(found, "activity_attempts_total", **attempts) == 1)
            assert value(found, "schedule_to_start_seconds_count", queue="gpu") == 1
            assert value(found, "runs_started_total", workflow="remote") == 0
