"""Wrong topics, brokers that do not answer, directories and ids in use, modules that do not import: clear errors."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import harness
import pytest
from harness import make_namespace, running
from plain_sagas import ACTIVITIES, GOOD, WORKFLOWS, fulfil

from sagaline import (
    Client,
    LogUnavailable,
    MemberIdInUse,
    RequestRefused,
    StateDirectoryInUse,
    TopicMismatch,
    Worker,
)

eventually = partial(harness.eventually, limit_s=30)


def make_topics(address: str, topics: dict[str, tuple[int, dict[str, str]]]) -> None:
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": address})
    new = [NewTopic(name, count, 1, config=config) for name, (count, config) in topics.items()]
    for future in admin.create_topics(new).values():
        future.result()


@pytest.mark.kafka
async def test_a_topic_with_the_wrong_partition_count_or_policy_is_refused(kafka_url: str, broker: Any) -> None:
    namespace = kafka_url.rsplit("/", 1)[1].split("?")[0]
    make_topics(broker.address, {f"{namespace}.commands": (3, {}), f"{namespace}.results": (5, {})})
    with pytest.raises(TopicMismatch, match=r"topic results: expected 3 partitions.* but it has 5.*recreate the topic"):
        async with Worker(kafka_url, workflows=WORKFLOWS):
            pass
    make_topics(broker.address, {f"{namespace}x.history": (2, {"cleanup.policy": "delete"})})
    with pytest.raises(TopicMismatch, match=r"topic history: expected cleanup.policy=compact but it is delete"):
        async with Worker(kafka_url.replace(namespace, f"{namespace}x"), workflows=WORKFLOWS):
            pass


@pytest.mark.kafka
def test_topics_apply_makes_explains_and_never_shrinks(kafka_url: str) -> None:
    def apply(*more: str) -> tuple[int, list[Any], str]:
        command = [sys.executable, "-m", "sagaline.cli", "topics", "apply", "--log", kafka_url, "--json", *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, json.loads(done.stdout or "[]"), done.stderr

    code, plans, _ = apply("--partitions", "4")
    assert code == 0
    assert {plan["action"] for plan in plans} == {"create"}
    code, plans, _ = apply()
    assert (code, {plan["action"] for plan in plans}) == (0, {"nothing"})
    code, plans, _ = apply("--partitions", "2")
    assert code == 4
    assert any("cannot shrink to 2" in problem for plan in plans for problem in plan["problems"])


async def test_an_unreachable_broker_is_named_within_seconds(caplog: pytest.LogCaptureFixture) -> None:
    url = "kafka://127.0.0.1:1/orders"
    began = time.monotonic()
    with pytest.raises(LogUnavailable, match=r"Kafka broker at 127.0.0.1:1 but none answered.*Check the address"):
        await Client.connect(url)
    assert time.monotonic() - began < 15
    shown = asyncio.create_task(
        asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "sagaline.cli", "show", "o", "--log", url],
            capture_output=True,
            text=True,
        )
    )
    caplog.set_level(logging.ERROR)
    patient = asyncio.create_task(Worker(url, workflows=WORKFLOWS).start())
    await eventually(lambda: caplog.text.count("Trying again") >= 1)
    done = await shown
    assert done.returncode == 5
    assert "127.0.0.1:1" in done.stderr
    assert "127.0.0.1:1" in caplog.text
    assert not patient.done()
    patient.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await patient


async def test_a_state_directory_in_use(log_url: str, tmp_path: Path) -> None:
    async with running(log_url, WORKFLOWS, ACTIVITIES, state_dir=tmp_path / "state"):
        with pytest.raises(StateDirectoryInUse, match=rf"process {os.getpid()} works in it.*--state-dir"):
            await Worker(log_url, workflows=WORKFLOWS, state_dir=tmp_path / "state").start()


async def test_a_state_directory_of_another_namespace_or_damaged_is_rebuilt(
    log_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state"
    async with running("memory://elsewhere?partitions=2", WORKFLOWS, ACTIVITIES, state_dir=state) as (_, client):
        await client.execute(fulfil, GOOD, id="elsewhere")
    async with running(log_url, WORKFLOWS, ACTIVITIES, state_dir=state) as (_, client):
        await client.execute(fulfil, GOOD, id="here")
        with pytest.raises(RequestRefused, match="'elsewhere' but there is none"):
            await client.handle("elsewhere").describe()
    assert "rebuilt from the log" in caplog.text
    caplog.clear()
    for file in state.glob("partition-*/db/MANIFEST*"):
        file.write_bytes(b"damaged")
    async with running(log_url, WORKFLOWS, ACTIVITIES, state_dir=state) as (_, client):
        assert (await client.handle("here").describe()).status == "completed"
    assert "cannot be opened" in caplog.text
    assert "rebuilt from the log" in caplog.text


async def test_two_workers_with_the_same_static_id(log_url: str) -> None:
    first = Worker(log_url, workflows=WORKFLOWS, id="same")
    second = Worker(log_url, workflows=WORKFLOWS, id="same")
    async with first:
        await first.ready()
        async with second:
            waits = [asyncio.ensure_future(one.wait()) for one in (first, second)]
            done, pending = await asyncio.wait(waits, timeout=30, return_when=asyncio.FIRST_COMPLETED)
            for wait in pending:
                wait.cancel()
            error = done.pop().exception()
            assert isinstance(error, MemberIdInUse)
            assert "'same'" in str(error)
            assert "id of its own" in str(error)


def cli(*args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sagaline.cli", *args], capture_output=True, text=True, check=False, **options
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_like_this\n", "No module named 'nothing_like_this'"),
        ("def broken(:\n", "SyntaxError"),
        ("x = 1\n", "Expected @workflow or @saga functions"),
    ],
)
def test_a_module_that_fails_to_import_is_told_without_our_stack(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "sagas.py"
    file.write_text(text)
    done = cli("worker", str(file), "--log", f"sqlite:///{tmp_path}/log.db")
    assert done.returncode == 2
    assert words in done.stderr
    assert str(file) in done.stderr
    assert "guarded" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("delay_s", [0.0, 0.4, 1.5])
def test_sigterm_and_ctrl_c_at_any_time_end_cleanly(tmp_path: Path, number: signal.Signals, delay_s: float) -> None:
    command = [sys.executable, "-m", "sagaline.cli", "worker", str(Path(__file__).parent / "slow_sagas.py")]
    command += ["--log", f"sqlite:///{tmp_path}/log.db", "--state-dir", str(tmp_path / "state")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        time.sleep(delay_s)
        process.send_signal(number)
        _, rest = process.communicate(timeout=30)
    assert process.returncode in (0, 130, -number), first + rest
    assert "Traceback" not in first + rest


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("redis://x", 2, "kafka://host:9092"),
        ("kafka://host:9092", 2, "Expected a namespace"),
        ("kafka://host/ns", 2, "Expected host:port but got 'host'"),
        ("sqlite:///no/such/folder/log.db", 3, "but there is no such file"),
    ],
)
def test_a_log_url_that_is_none(url: str, code: int, words: str) -> None:
    done = cli("show", "o", "--log", url)
    assert done.returncode == code
    assert words in done.stderr


async def test_no_worker_is_a_clear_time_out(log_url: str) -> None:
    from sagaline import RequestTimeout

    await make_namespace(log_url)
    async with await Client.connect(log_url) as client:
        with pytest.raises(RequestTimeout, match=r"no worker of namespace .* is running"):
            await client.start_by_name("nothing", id="o", timeout=0.5)
