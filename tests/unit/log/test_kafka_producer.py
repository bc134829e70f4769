"""The producers' own rules, against a librdkafka that does as it is told: no broker."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError
from harness import eventually

from sagaline._log.kafka import producer
from sagaline._log.kafka.producer import KafkaPublisher
from sagaline._log.threads import call

FATAL = KafkaError(KafkaError._FATAL, "a sequence number is out of order", fatal=True)


class FakeProducer:
    """Delivers what it is given when it is polled; a doomed one has met a fatal error."""

    made: list[FakeProducer]
    doomed = 1

    def __init__(self, config: dict[str, Any]) -> None:
        self.is_doomed = len(self.made) < self.doomed
        self.made.append(self)
        self._reports: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def produce_batch(self, topic: str, messages: list[dict[str, Any]], partition: int) -> int:
        for message in messages:
            error = FATAL if self.is_doomed else None
            self._reports.put(lambda message=message, error=error: message["callback"](error, None))  # type: ignore[misc]
        return len(messages)

    def poll(self, timeout_s: float) -> int:
        try:
            self._reports.get(timeout=timeout_s)()
        except queue.Empty:
            return 0
        return 1

    def purge(self) -> None: ...

    def flush(self, timeout_s: float) -> int:
        while not self._reports.empty():
            self._reports.get()()
        return 0


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[FakeProducer]:
    FakeProducer.made = []
    monkeypatch.setattr(producer, "Producer", FakeProducer)
    monkeypatch.setattr(producer, "_POLL_S", 0.05)
    return FakeProducer.made


async def test_after_a_fatal_error_answers_go_out_through_another_producer(made: list[FakeProducer]) -> None:
    """Everybody is told of the first one's errors once, and what is sent again arrives."""
    publisher = KafkaPublisher({}, asyncio.get_running_loop())
    done: list[str | None] = []
    for _ in range(3):
        publisher.publish("t", 0, b"k", b"v", done.append, None)
    await eventually(lambda: len(done) == 3)
    assert done == [FATAL.str()] * 3
    await eventually(lambda: len(made) == 2)
    publisher.publish("t", 0, b"k", b"v", done.append, None)
    await eventually(lambda: len(done) == 4)
    assert done[3] is None
    assert len(made) == 2
    await asyncio.to_thread(publisher.close)


async def test_a_batch_that_cannot_be_handed_over_is_told_to_each(
    made: list[FakeProducer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: FakeProducer, *args: Any) -> int:
        raise TypeError("odd")

    monkeypatch.setattr(FakeProducer, "produce_batch", refuse)
    publisher = KafkaPublisher({}, asyncio.get_running_loop())
    done: list[str | None] = []

    def broken(error: str | None) -> None:
        done.append(error)
        raise RuntimeError("callback")

    publisher.publish("t", 0, b"k", b"v", broken, None)
    publisher.publish("t", 0, b"k", b"v", done.append, None)
    await eventually(lambda: len(done) == 2)
    assert done == ["TypeError: odd", "TypeError: odd"]
    await asyncio.to_thread(publisher.close)


def test_a_loop_that_is_closed_has_nobody_left_to_tell() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    call(loop, lambda: None)
