"""The outbox: a window of messages on their way, the rest in the store, and the mark up to where all has left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from scripted_log import Published, ScriptedLog
from virtual_time import virtual

from sagaline._engine.effects import Publish
from sagaline._engine.meta import Meta
from sagaline._engine.tables.outbox import OutboxRow
from sagaline._host.options import HostOptions
from sagaline._host.partition.guard import Guard
from sagaline._host.partition.lost import Kind, Lost
from sagaline._host.partition.progress import Progress
from sagaline._host.publishing import window as module
from sagaline._host.publishing.outbox import Outbox
from sagaline._host.publishing.sender import Message
from sagaline._log import DEADLETTERS
from sagaline._model.codec import decode
from sagaline._model.limits import RECORD_BYTES


class Room:
    """An outbox over rows that a test can see; history is at ``next_offset``."""

    def __init__(self, stored: int = 0, released: int = 0, size: int = 10) -> None:
        self.log = ScriptedLog()
        self.rows: dict[tuple[int, int], Publish] = {}
        self.scans = 0
        self.lost: list[Lost] = []
        self.progress = Progress.begin(Meta(next_offset=stored, released=released))
        for offset in range(stored):
            self.row(offset, b"%d" % offset + b"." * size)
        options = HostOptions("w", clock=lambda: 7, outbox_give_up_s=20)
        guard = Guard(self.lost.append)
        log: Any = self.log
        self.settled: set[bytes] = set()
        self.outbox = Outbox(log, options, guard, self.progress, self.stored, lambda row: row.value in self.settled)

    def row(self, offset: int, value: bytes) -> Publish:
        entry = Publish((offset, 0), OutboxRow("replies", 0, b"client", value))
        self.rows[entry.number] = entry
        return entry

    def stored(self, after: tuple[int, int] | None) -> Iterator[Publish]:
        self.scans += 1
        yield from (self.rows[number] for number in sorted(self.rows) if after is None or number > after)

    def publish(self, value: bytes) -> None:
        entry = self.row(self.progress.next_offset, value)
        self.progress.next_offset += 1
        self.outbox.publish(entry)
        self.outbox.advance()

    @property
    def landed(self) -> list[int]:
        return [int((letter.value or b"").strip(b".")) for letter in self.log.landed if letter.topic == "replies"]


@virtual
async def test_what_was_left_behind_leaves_in_order_and_counts_as_waiting_until_then() -> None:
    room = Room(stored=3, released=1)
    assert room.progress.released == 1, "before it has begun nothing more is known to have left"
    room.log.held = True
    room.outbox.begin()
    assert room.progress.released == 0
    room.log.release(2)
    assert room.progress.released == 2
    room.log.release()
    assert room.progress.released == 3
    assert room.outbox.is_empty
    assert room.landed == [0, 1, 2]


@virtual
async def test_no_more_than_a_window_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LEAST_BYTES", 1_000)
    room = Room(stored=100, size=100)
    room.outbox.resize(0.000_01)
    room.log.held = True
    room.outbox.begin()
    assert 9 <= len(room.outbox._window._waiting) <= 11
    for number in range(100, 150):
        room.publish(b"%d" % number + b"." * 100)
    assert len(room.outbox._window._waiting) <= 11, "what is new waits behind the others, in the store"
    assert room.outbox.bytes_waiting > 50 * 100, "and counts, so that reading pauses"
    while not room.outbox.is_empty:
        assert room.progress.released == room.outbox._window._waiting[0][0]
        assert len(room.outbox._window._waiting) <= 11
        room.log.release(3)
    assert room.landed == list(range(150))
    assert room.progress.released == 150
    assert room.outbox.bytes_waiting == 0
    assert room.scans < 40, "a window at a time"
    assert not room.lost


@virtual
async def test_one_that_stays_does_not_let_the_others_pile_up_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WINDOW_MESSAGES", 50)
    room = Room()
    room.outbox.begin()
    stuck = True
    room.log.fate = lambda record: "no" if stuck and (record.value or b"").startswith(b"0.") else None
    for number in range(1_000):
        room.publish(b"%d." % number)
    await asyncio.sleep(1)
    assert len(room.outbox._window._waiting) <= 50
    assert len(room.outbox._window._left) <= 50
    assert room.progress.released == 0
    stuck = False
    await asyncio.sleep(60)
    assert room.outbox.is_empty
    assert sorted(room.landed) == list(range(1_000))


@pytest.mark.parametrize("trouble", ["broker is down", OSError("disk"), ZeroDivisionError("anything")])
@virtual
async def test_one_that_fails_is_tried_again_and_holds_no_other_up(trouble: str | Exception) -> None:
    room = Room()
    room.outbox.begin()
    failures = iter([trouble] * 3)
    room.log.fate = lambda record: next(failures, None) if (record.value or b"").startswith(b"0.") else None
    for number in range(3):
        room.publish(b"%d." % number)
    await asyncio.sleep(0.1)
    assert room.landed == [1, 2]
    assert room.progress.released == 0
    await asyncio.sleep(10)
    assert room.landed == [1, 2, 0]
    assert room.progress.released == 3
    assert not room.lost


@virtual
async def test_what_is_settled_does_not_leave_again() -> None:
    room = Room(stored=3, size=0)
    room.settled = {b"0", b"2"}
    room.outbox.begin()
    await asyncio.sleep(0.1)
    assert room.landed == [1]
    assert room.outbox.is_empty
    assert room.progress.released == 3


@virtual
async def test_one_that_fails_until_it_is_settled_counts_as_left() -> None:
    room = Room()
    room.outbox.begin()
    room.log.fate = lambda record: "in doubt"
    room.settled = {b"0."}
    room.publish(b"0.")
    assert len(room.log.published) == 1, "what is sent for the first time is sent"
    await asyncio.sleep(10)
    assert len(room.log.published) == 1
    assert room.outbox.is_empty
    assert room.progress.released == 1


@virtual
async def test_one_that_fails_for_too_long_is_a_dead_letter() -> None:
    room = Room()
    room.outbox.begin()

    def fate(record: Published) -> str | None:
        if record.topic == DEADLETTERS:
            return "not yet" if asyncio.get_running_loop().time() < 1_100 else None
        return "unknown topic"

    room.log.fate = fate
    room.publish(b"0.")
    await asyncio.sleep(19)
    assert not room.outbox.is_empty
    assert {record.topic for record in room.log.published} == {"replies"}
    await asyncio.sleep(300)
    assert room.outbox.is_empty
    (letter,) = room.log.landed
    assert letter.value == b"0."
    origin: Any = decode(letter.headers["sagaline-dead-letter"])
    assert "unknown topic" in origin.cause


@virtual
async def test_one_that_is_too_large_is_a_dead_letter_at_once() -> None:
    """Fault 13: a reply over the record's limit blocked all behind it."""
    room = Room()
    room.outbox.begin()
    room.publish(b"0" + b"." * RECORD_BYTES)
    room.publish(b"1.")
    await asyncio.sleep(0.1)
    assert room.outbox.is_empty
    assert [letter.topic for letter in room.log.landed] == [DEADLETTERS, "replies"]
    assert room.landed == [1]


@virtual
async def test_a_store_that_cannot_be_read_gives_the_partition_up() -> None:
    room = Room()
    room.outbox.begin()
    room.outbox._more = True

    def broken(after: object) -> Iterator[Publish]:
        raise RuntimeError("a bug")

    room.outbox._stored = broken
    room.outbox._hold(Message(room.row(0, b"0.")))
    await asyncio.sleep(0.1)
    assert [lost.kind for lost in room.lost] == [Kind.ENGINE]
