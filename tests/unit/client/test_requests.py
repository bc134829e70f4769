"""Requests and answers by themselves: ids, parts, askings, over a log that records what is published."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from sagaline import ClientClosed, RequestRefused
from sagaline._log import Record
from sagaline._model.codec import decode, encode
from sagaline._model.failure import Failure
from sagaline._model.records import CancelRun, ReadRun, Reply, StartRun
from sagaline.client import requests as module
from sagaline.client.requests import Requests


class RecordingReader:
    def __init__(self, sink: Callable[[list[Record]], None]) -> None:
        self.sink = sink

    def add(self, topic: str, partition: int, offset: int) -> None: ...

    async def close(self) -> None: ...


class RecordingLog:
    """Keeps what is published; answers are handed in."""

    namespace, partitions = "n", 1

    def __init__(self) -> None:
        self.published: list[Any] = []
        self.arrived = asyncio.Event()
        self.fails: str | None = None

    async def open(self, create: bool = True) -> None:
        assert not create, "a client never makes a namespace"

    async def close(self) -> None: ...

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return 0, 0

    def reader(self, sink: Callable[[list[Record]], None]) -> RecordingReader:
        self.inbox = RecordingReader(sink)
        return self.inbox

    def publish(self, topic: str, partition: Any, key: bytes, value: bytes, on_done: Any = None) -> None:
        self.published.append(decode(value))
        self.arrived.set()
        if on_done is not None:
            on_done(self.fails)


@pytest.fixture
async def requests() -> AsyncIterator[Requests]:
    made = Requests(RecordingLog())  # type: ignore[arg-type]
    await made.open()
    yield made
    await made.close()


def log_of(requests: Requests) -> RecordingLog:
    return requests.log  # type: ignore[return-value]


async def asked(requests: Requests, count: int) -> list[Any]:
    """The requests so far, once there are so many."""
    log = log_of(requests)
    async with asyncio.timeout(20):
        while len(log.published) < count:
            log.arrived.clear()
            await log.arrived.wait()
    return log.published


def answer(requests: Requests, request_id: str, **fields: Any) -> None:
    reply = msgspec.structs.replace(Reply(request_id, "w", "r", "history", "completed"), **fields)
    client_id, partition = requests.address
    log_of(requests).inbox.sink([Record("replies", partition, 0, client_id.encode(), encode(reply))])


def read(requests: Requests) -> ReadRun:
    return ReadRun("first", "w", "history", *requests.address)


async def test_parts_make_one_answer_in_whatever_order_and_however_often_they_come(requests: Requests) -> None:
    with requests.asking(read(requests)) as asking:
        answer(requests, "first", records=(b"2",), more=True, part=1)
        answer(requests, "first", records=(b"3",), more=False, part=2)
        answer(requests, "first", records=(b"2",), more=True, part=1)
        assert not asking.future.done()
        answer(requests, "first", records=(b"1",), more=True, part=0)
        reply = await asking.answer(20)
    assert reply is not None
    assert (reply.records, reply.more) == ((b"1", b"2", b"3"), False)


async def test_parts_of_two_askings_never_mix(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner changed between them: the first asking's rest never comes, the second's answer is whole."""
    monkeypatch.setattr(module, "ASK_AGAIN_S", 0.01)
    with requests.asking(read(requests)) as asking:
        answer(requests, "first", records=(b"old 1",), more=True, part=0)
        second = (await asked(requests, 2))[1]
        assert second.request_id != "first"
        answer(requests, second.request_id, records=(b"new 2",), more=False, part=1)
        assert not asking.future.done(), "a part of the one answer and a part of the other are no answer"
        answer(requests, second.request_id, records=(b"new 1",), more=True, part=0)
        reply = await asking.answer(20)
    assert reply is not None
    assert reply.records == (b"new 1", b"new 2")


async def test_a_start_keeps_its_id_each_time_it_is_asked(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASK_AGAIN_S", 0.01)
    for request in (StartRun("s", "w", "f", b"[]", *requests.address), CancelRun("s", "w", "why", *requests.address)):
        log_of(requests).published.clear()
        with requests.asking(request):
            assert {sent.request_id for sent in await asked(requests, 3)} == {"s"}


async def test_each_asking_says_how_long_it_is_listened_for(
    requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASK_AGAIN_S", 0.01)
    with requests.asking(read(requests)):
        waits = [request.waits_ms for request in await asked(requests, 3)]
    assert waits == [1_010, 1_020, 1_040]


async def test_a_refusal_is_raised(requests: Requests) -> None:
    with requests.asking(read(requests)) as asking:
        answer(requests, "first", kind="refused", failure=Failure("WorkflowNotFound", "there is none"))
        with pytest.raises(RequestRefused, match="there is none") as caught:
            await asking.answer(20)
    assert caught.value.type == "WorkflowNotFound"


async def test_an_answer_that_is_too_large_is_an_error(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ANSWER_BYTES", 10)
    with requests.asking(read(requests)) as asking:
        answer(requests, "first", records=(b"123456",), more=True, part=0)
        answer(requests, "first", records=(b"123456",), more=True, part=1)
        with pytest.raises(module.AnswerTooLarge, match="at most 10 bytes"):
            await asking.answer(20)


async def test_nothing_is_kept_of_what_nobody_waits_for(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASK_AGAIN_S", 0.001)
    with requests.asking(read(requests)):
        await asked(requests, 7)
        assert len(requests._waiting) <= 4, "only the newest askings are listened for"
    assert requests._waiting == {}
    answer(requests, "first", records=(b"late",))  # is nobody's


async def test_answers_to_others_and_bytes_that_are_no_answer_change_nothing(requests: Requests) -> None:
    client_id, partition = requests.address
    with requests.asking(read(requests)) as asking:
        sink = log_of(requests).inbox.sink
        sink([Record("replies", partition, 0, b"another client", encode(Reply("first", "w", "r", "closed", "failed")))])
        sink([Record("replies", partition, 1, client_id.encode(), encode(read(requests)))])
        assert await asking.answer(0.01) is None


async def test_whoever_waits_is_told_that_the_client_is_closed(requests: Requests) -> None:
    with requests.asking(read(requests)) as asking:
        waiting = asyncio.ensure_future(asking.answer(None))
        await asyncio.sleep(0)
        await requests.close()
        with pytest.raises(ClientClosed):
            await waiting
    with pytest.raises(ClientClosed):
        requests.asking(read(requests))


async def test_why_the_log_does_not_take_a_request_is_known(
    requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASK_AGAIN_S", 0.01)
    log_of(requests).fails = "no route to the broker"
    with requests.asking(read(requests)) as asking:
        await asked(requests, 2)
        assert asking.trouble == "no route to the broker"
