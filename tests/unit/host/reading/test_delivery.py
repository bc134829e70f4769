"""Answers leave with a bound on their bytes, the short ones first, and none of them spoils another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from scripted_log import ScriptedLog
from virtual_time import virtual

from sagaline._host.partition.guard import Guard
from sagaline._host.partition.lost import Kind, Lost
from sagaline._host.reading.answers import Parts
from sagaline._host.reading.delivery import Answer, Delivery
from sagaline._host.reading.waiters import Asker
from sagaline._model.codec import decode
from sagaline._model.limits import RECORD_BYTES
from sagaline._model.records import Reply
from sagaline._store import StoreUnavailable


class Room:
    """A delivery into a log that acknowledges when it is told to."""

    def __init__(self, held: bool = False) -> None:
        self.log = ScriptedLog()
        self.log.held = held
        self.lost: list[Lost] = []
        log: Any = self.log
        self.delivery = Delivery(log, Guard(self.lost.append))
        self.delivery.resize(1 / 4)
        self.parts_made = 0

    def short(self, name: str, size: int = 10) -> None:
        asker = Asker(name, "id", "client", 0)
        self.delivery.send(Answer(asker, lambda: Reply(name, "id", "", "closed", "completed", b"x" * size), "run"))

    def long(self, name: str, parts: int, size: int = 500_000) -> None:
        asker = Asker(name, "id", "client", 0)
        self.delivery.send(Answer(asker, lambda: self.parts(name, parts, size), "run", is_long=True))

    def parts(self, name: str, count: int, size: int) -> Parts:
        for number in range(count):
            yield None
            self.parts_made += 1
            yield Reply(name, "id", "", "history", "", None, None, (b"x" * size,), number < count - 1, number)

    @property
    def sent(self) -> list[Reply]:
        return [self.reply(record.value) for record in self.log.published]

    def reply(self, value: bytes | None) -> Reply:
        decoded: Any = decode(value)
        return decoded


@virtual
async def test_a_short_answer_leaves_at_once() -> None:
    room = Room()
    room.short("a")
    assert [reply.request_id for reply in room.sent] == ["a"]
    await asyncio.sleep(0.1)
    assert room.delivery.bytes_waiting == 0


@virtual
async def test_many_large_histories_at_once_take_no_more_memory_than_one() -> None:
    """Fault 17: each history was a whole list, and all of its parts were handed to the log at once."""
    room = Room(held=True)
    for number in range(50):
        room.long(f"client {number}", parts=20)
    most = 0
    for _ in range(5_000):
        await asyncio.sleep(0.001)
        on_their_way = sum(len(record.value or b"") for record, _ in room.log._waiting)
        most = max(most, on_their_way)
        assert room.delivery.bytes_waiting >= on_their_way
        room.log.release(1)
    assert most <= 5_000_000
    assert len(room.log.landed) == 50 * 20
    assert room.delivery.bytes_waiting == 0
    sent = [(reply.request_id, reply.part) for reply in room.sent]
    for number in range(50):
        assert [part for name, part in sent if name == f"client {number}"] == list(range(20))


@virtual
async def test_parts_are_made_when_there_is_room_and_not_before() -> None:
    room = Room(held=True)
    room.long("a", parts=1_000)
    await asyncio.sleep(1)
    assert room.parts_made <= 9
    room.log.release(3)
    await asyncio.sleep(1)
    assert room.parts_made <= 12


@virtual
async def test_a_short_answer_passes_the_long_ones() -> None:
    room = Room()
    for number in range(20):
        room.long(f"long {number}", parts=100, size=10)
    await asyncio.sleep(0)
    room.short("short")
    await asyncio.sleep(0)
    assert "short" in [reply.request_id for reply in room.sent]
    await asyncio.sleep(1)
    assert len(room.sent) == 2_001


@virtual
async def test_an_answer_that_raises_is_told_to_who_asked_and_to_nobody_else() -> None:
    room = Room()

    def broken() -> Reply:
        raise ZeroDivisionError("a bug")

    def broken_parts() -> Iterator[Reply | None]:
        yield Reply("b", "id", "", "history", "", more=True)
        raise ZeroDivisionError("a bug")

    room.delivery.send(Answer(Asker("a", "id", "client", 0), broken))
    room.delivery.send(Answer(Asker("b", "id", "client", 0), broken_parts, "run", is_long=True))
    room.short("c")
    await asyncio.sleep(0.1)
    kinds = {(reply.request_id, reply.kind, reply.failure and reply.failure.type) for reply in room.sent}
    assert kinds == {
        ("a", "refused", "EngineError"),
        ("b", "history", None),
        ("b", "refused", "EngineError"),
        ("c", "closed", None),
    }
    assert not room.lost


@virtual
async def test_a_store_that_cannot_be_read_is_the_partitions_trouble() -> None:
    room = Room()

    def broken() -> Reply:
        raise StoreUnavailable("disk")

    room.delivery.send(Answer(Asker("a", "id", "client", 0), broken))
    assert [lost.kind for lost in room.lost] == [Kind.STORE]
    assert room.sent == []


@virtual
async def test_a_log_that_refuses_or_raises_frees_the_room() -> None:
    room = Room()
    troubles: list[Any] = ["broker is down", OSError("disk"), ZeroDivisionError("anything")]
    room.log.fate = lambda record: troubles.pop() if troubles else None
    for name in "abcd":
        room.short(name, size=300_000)
    await asyncio.sleep(1)
    assert room.delivery.bytes_waiting == 0
    assert len(room.log.landed) == 1
    assert not room.lost


@virtual
async def test_an_answer_that_fits_into_no_record_is_a_refusal() -> None:
    room = Room()
    room.short("a", size=RECORD_BYTES)
    (reply,) = room.sent
    assert (reply.kind, reply.failure and reply.failure.type) == ("refused", "AnswerTooLarge")


@virtual
async def test_nobody_is_answered_who_gave_no_address() -> None:
    room = Room()
    room.delivery.send(Answer(Asker("a", "id", "", 0), lambda: Reply("a", "id", "", "closed", "")))
    assert room.sent == []


@virtual
async def test_a_closed_delivery_makes_nothing_more() -> None:
    room = Room(held=True)
    room.long("a", parts=100)
    await asyncio.sleep(1)
    made = room.parts_made
    room.delivery.close()
    room.log.release()
    await asyncio.sleep(1)
    assert room.parts_made == made
