"""Clients never make a namespace: one that is not there is an error that says what is, and nothing is left behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from sagaline import ConfigurationError, LogUnavailable
from sagaline._log import COMMANDS, HISTORY, TOPICS, open_log
from sagaline._log.kafka import ranges
from sagaline._log.kafka.settings import KafkaSettings
from sagaline._log.urls import parse_url
from sagaline.errors import NamespaceNotFound


async def made(url: str) -> None:
    log = open_log(url)
    await log.open()
    await log.close()


async def test_a_namespace_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    for namespace in ("orders", "payments"):
        await made(f"sqlite:///{file}?namespace={namespace}")
    before = file.read_bytes()
    log = open_log(f"sqlite:///{file}?namespace=order")
    with pytest.raises(
        NamespaceNotFound, match=r"'order' in .*log\.db but there is 'orders', 'payments'\. Check"
    ) as raised:
        await log.open(create=False)
    assert "start a worker" in str(raised.value)
    assert isinstance(raised.value, ConfigurationError)
    assert file.read_bytes() == before


async def test_a_mistyped_path_leaves_no_file_and_no_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.db", tmp_path / "no" / "folder" / "log.db"):
        log = open_log(f"sqlite:///{path}")
        with pytest.raises(NamespaceNotFound, match="there is no such file"):
            await log.open(create=False)
        assert {plan.action for plan in await log.plan_topics(None, None)} == {"create"}
        assert (await log.inspect()).missing == tuple(topic.name for topic in TOPICS)
        assert await log.members() == []
        await log.close()
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_is_no_log_stays_as_it_is(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.db", tmp_path / "letter.txt"
    empty.touch()
    text.write_text("Dear database, " * 100)
    with pytest.raises(NamespaceNotFound, match="the file holds no log"):
        await open_log(f"sqlite:///{empty}").open(create=False)
    with pytest.raises(LogUnavailable, match="not a database"):
        await open_log(f"sqlite:///{text}").open(create=False)
    assert empty.read_bytes() == b""
    assert text.read_text() == "Dear database, " * 100
    assert sorted(tmp_path.iterdir()) == [empty, text]


async def test_in_memory_too(seed: int) -> None:
    with pytest.raises(NamespaceNotFound, match=f"'other' of 'm{seed}' in the memory of this process but"):
        await open_log(f"memory://m{seed}?namespace=other").open(create=False)
    await made(f"memory://m{seed}?partitions=3")
    log = open_log(f"memory://m{seed}")
    await log.open(create=False)
    assert log.partitions == 3
    with pytest.raises(NamespaceNotFound):
        await open_log(f"memory://m{seed}?namespace=other").open(create=False)


async def test_what_a_worker_has_made_a_client_opens(log_url: str) -> None:
    await made(log_url)
    client = open_log(log_url)
    await client.open(create=False)
    assert client.partitions == 2
    done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    client.publish(COMMANDS, 0, b"k", b"v", done.set_result)
    assert await asyncio.wait_for(done, 20) is None
    await client.close()


@pytest.mark.kafka
async def test_no_topic_comes_of_asking_for_it(kafka_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Brokers make topics that are asked for, by default; a client must not ask so."""
    monkeypatch.setattr(ranges, "_BOUNDS_TIMEOUT_S", 3.0)
    await made(kafka_url)
    url = parse_url(kafka_url)
    mistyped = f"kafka://{url.place}/{url.namespace}x"
    log = open_log(mistyped)
    with pytest.raises(
        NamespaceNotFound, match=f"'{url.namespace}x' on the cluster but there is .*start a worker"
    ) as raised:
        await log.open(create=False)
    assert repr(url.namespace) in str(raised.value) or "..." in str(raised.value)
    await log.close()
    gone = open_log(kafka_url)
    await gone.open(create=False)
    with pytest.raises(LogUnavailable):
        async with asyncio.timeout(60):
            await gone.bounds("nothing", 0)
    await gone.close()
    topics = await asyncio.to_thread(AdminClient({"bootstrap.servers": url.place}).list_topics)
    assert [name for name in topics.topics if name.startswith(f"{url.namespace}x")] == []
    assert f"{url.namespace}.nothing" not in topics.topics


def test_every_consumer_refuses_to_make_topics() -> None:
    settings = KafkaSettings(parse_url("kafka://127.0.0.1:1/orders"))
    for config in (settings.bounds(), settings.restore(), settings.reader(), settings.member("me")):
        assert config["allow.auto.create.topics"] is False
    assert settings.topic(HISTORY) == "orders.history"
