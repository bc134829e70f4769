"""Bad input gets a clear error and nothing is lost: each case triggered for real, with the words a user needs."""

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
from harness import running
from pydantic import BaseModel

from sagaline import (
    Client,
    InvalidInput,
    LogUnavailable,
    MemberIdInUse,
    PayloadTooLarge,
    RequestRefused,
    RunError,
    StateDirectoryInUse,
    TopicMismatch,
    Worker,
    activity,
    saga,
    workflow,
)
from sagaline._log import COMMANDS, DEADLETTERS, HISTORY, REPLIES, RESULTS, open_log
from sagaline._model.codec import decode
from sagaline._model.records import Claim


class Order(BaseModel):
    id: str
    quantity: int


@activity
async def reserve(order: Order) -> str:
    return order.id


@activity
async def unknown_to_the_worker(order: Order) -> str:
    return order.id


@activity
async def returns_an_object() -> Any:
    return object()


@activity
async def returns_too_much() -> str:
    return "x" * 600_000


@saga
async def fulfil(order: Order) -> str:
    return await reserve(order)


@workflow
async def calls_unknown(order: Order) -> str:
    return await unknown_to_the_worker(order)


@workflow
async def asks_for_an_object() -> Any:
    return await returns_an_object()


@workflow
async def asks_for_too_much() -> str:
    return await returns_too_much()


WORKFLOWS = [fulfil, calls_unknown, asks_for_an_object, asks_for_too_much]
ACTIVITIES = [reserve, returns_an_object, returns_too_much]
GOOD = Order(id="1", quantity=2)


eventually = partial(harness.eventually, limit_s=30)


async def written(url: str, topic: str) -> list[Any]:
    """All records of a topic."""
    log = open_log(url)
    await log.open()
    found: list[Any] = []
    for partition in range(log.partitions):
        _, end = await log.bounds(topic, partition)
        found += [record async for batch in log.read(topic, partition, 0, end) for record in batch]
    await log.close()
    return found


async def publish(url: str, topic: str, partition: int, value: bytes | None) -> None:
    log = open_log(url)
    await log.open()
    done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    log.publish(topic, partition, b"foreign", value, done.set_result)
    assert await done is None
    await log.close()


async def test_an_unknown_workflow_is_refused_and_the_refusal_is_recorded(log_url: str) -> None:
    async with running(log_url, WORKFLOWS, ACTIVITIES) as (_, client):
        with pytest.raises(RequestRefused, match=r"worker knows \(.*fulfil.*\) but got 'fulfill'") as caught:
            await client.start_by_name("fulfill", b"[]", id="o")
        assert caught.value.type == "UnknownWorkflow"
        assert await client.execute(fulfil, GOOD, id="o") == "1"


async def test_an_unknown_activity_parks_the_run_until_a_worker_knows_it(log_url: str) -> None:
    async with running(log_url, WORKFLOWS, ACTIVITIES, worker_id="w") as (_, client):
        handle = await client.start(calls_unknown, GOOD, id="o")
        described = await handle.describe()
        assert described.status == "parked"
        assert described.failure is not None
        assert "'unknown_to_the_worker' to be registered" in described.failure.message
        assert "Worker(activities=[...])" in described.failure.message
    async with running(log_url, WORKFLOWS, [*ACTIVITIES, unknown_to_the_worker], worker_id="w") as (_, client):
        assert await client.handle("o").result(30) == "1"


async def test_input_that_does_not_fit_is_heard_by_field_and_nothing_is_sent(log_url: str) -> None:
    async with running(log_url, WORKFLOWS, ACTIVITIES) as (_, client):
        wrong: Any = {"id": "1", "quantity": "many"}
        with pytest.raises(InvalidInput, match=r"input of fulfil but order\.quantity: .*integer.*'many'"):
            await client.start(fulfil, wrong, id="o")
        with pytest.raises(InvalidInput, match="missing a required argument: 'order'"):
            await client.start(fulfil, id="o")  # type: ignore[call-overload]
        assert await written(log_url, COMMANDS) == []
        assert [type(decode(one.value)) for one in await written(log_url, HISTORY)].count(Claim) == 2
        with pytest.raises(RequestRefused, match=r"order\.quantity: .*integer"):
            await client.start_by_name("fulfil", json.dumps([wrong]).encode(), id="o")


async def test_payloads_over_the_limit(log_url: str) -> None:
    async with running(log_url, WORKFLOWS, ACTIVITIES) as (_, client):
        with pytest.raises(PayloadTooLarge, match=r"at most 512000 bytes but it has \d+: store the data elsewhere"):
            await client.start(fulfil, Order(id="x" * 600_000, quantity=1), id="o")
        with pytest.raises(
            RunError, match=r"result of returns_too_much to have at most 512000 bytes but it has 600002"
        ):
            await client.execute(asks_for_too_much, id="p")
        assert await client.execute(fulfil, GOOD, id="q") == "1"


async def test_a_result_that_cannot_be_written_as_json(log_url: str) -> None:
    async with running(log_url, WORKFLOWS, ACTIVITIES) as (_, client):
        with pytest.raises(
            RunError, match="returns_an_object to return a Any that can be written as JSON but it returned object"
        ):
            await client.execute(asks_for_an_object, id="o")


@pytest.mark.parametrize("topic", [COMMANDS, RESULTS, HISTORY, REPLIES])
async def test_a_foreign_record_goes_to_dead_letters_and_the_partition_goes_on(log_url: str, topic: str) -> None:
    async with running(log_url, WORKFLOWS, ACTIVITIES, worker_id="w") as (_, client):
        values = [b"not avro", b"\xc3\x01" + b"12345678" + b"rest", None]
        expected = 2 if topic == HISTORY else 3  # null on history is a tombstone
        if topic == REPLIES:
            expected = 3
            log = client._log
            for value in values:
                log.publish(topic, client._partition, client._id.encode(), value)
        else:
            for value in values:
                await publish(log_url, topic, 0, value)
        for number in range(6):
            assert await client.execute(fulfil, GOOD, id=f"o-{number}") == "1"
    if topic == HISTORY:  # and again when a new owner reads it
        async with running(log_url, WORKFLOWS, ACTIVITIES, worker_id="w") as (_, client):
            assert (await client.handle("o-1").describe()).status == "completed"
    letters = await written(log_url, DEADLETTERS)
    assert {letter.value for letter in letters} >= set(values[:2])
    assert len(letters) >= expected


@pytest.mark.kafka
async def test_a_dead_letter_says_where_from_and_why(kafka_url: str, broker: Any) -> None:
    from confluent_kafka import Consumer, TopicPartition

    namespace = kafka_url.rsplit("/", 1)[1].split("?")[0]
    async with running(kafka_url, WORKFLOWS, ACTIVITIES) as (_, client):
        await publish(kafka_url, COMMANDS, 1, b"not avro")
        for number in range(4):
            await client.execute(fulfil, GOOD, id=f"o-{number}")
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "letters"})
    consumer.assign([TopicPartition(f"{namespace}.deadletters", 1, 0)])
    message = await asyncio.to_thread(consumer.poll, 20)
    headers = dict(message.headers())
    consumer.close()
    assert (message.key(), message.value()) == (b"foreign", b"not avro")
    origin: Any = decode(headers["sagaline-dead-letter"])
    assert (origin.topic, origin.partition, origin.offset) == (f"{namespace}.commands", 1, 0)
    assert "single-object header" in origin.cause
    assert headers["__connect.errors.topic"] == f"{namespace}.commands".encode()
    assert "known schema" in headers["__connect.errors.exception.message"].decode()


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
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "sagaline.cli", "show", "o", "--log", url],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 5
    assert "127.0.0.1:1" in done.stderr
    caplog.set_level(logging.ERROR)
    patient = asyncio.create_task(Worker(url, workflows=WORKFLOWS).start())
    await eventually(lambda: caplog.text.count("Trying again") >= 1)
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
    ("url", "words"),
    [
        ("redis://x", "kafka://host:9092"),
        ("kafka://host:9092", "Expected a namespace"),
        ("kafka://host/ns", "Expected host:port but got 'host'"),
        ("sqlite:///no/such/folder/log.db", "Expected the folder"),
    ],
)
def test_a_log_url_that_is_none(url: str, words: str) -> None:
    done = cli("show", "o", "--log", url)
    assert done.returncode == 2
    assert words in done.stderr


async def test_no_worker_is_a_clear_time_out(log_url: str) -> None:
    from sagaline import RequestTimeout

    async with await Client.connect(log_url) as client:
        with pytest.raises(RequestTimeout, match=r"Is a worker of namespace .* running"):
            await client.handle("o").describe(timeout_s=0.5)
