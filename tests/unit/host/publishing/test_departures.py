"""Another owner is told that nothing will leave again: when a durable record says so, and not before."""

from __future__ import annotations

import asyncio
from typing import Any

from partition_rows import PartitionRows
from scripted_log import ScriptedLog
from virtual_time import virtual

from sagaline._engine.meta import Meta
from sagaline._engine.tables.outbox import OutboxRow
from sagaline._host.partition.guard import Guard
from sagaline._host.partition.lost import Lost
from sagaline._host.partition.progress import Progress
from sagaline._host.publishing.departures import Departures
from sagaline._model.codec import decode
from sagaline._model.records import DEPARTURES, ReadRun, Reply


class Room:
    """A partition whose history ends at 10, and has sent a message by each record of ``sent``."""

    def __init__(self, *sent: int) -> None:
        self.rows = PartitionRows()
        self.state = self.rows.state
        self.log: Any = ScriptedLog()
        self.log.partitions = 4
        self.progress = Progress.begin(Meta(next_offset=10))
        self.lost: list[Lost] = []
        self.departures = Departures(self.log, self.state, self.progress, Guard(self.lost.append))
        for offset in sent:
            self.state.changes.put(*self.state.outbox.entry(offset, 0, OutboxRow("commands", -1, b"k", b"v")))

    def ask(self, name: str = "q", asker: int = 3) -> None:
        self.departures.ask(ReadRun(name, "partition 0", DEPARTURES, "", asker))

    async def answers(self) -> list[tuple[str, int | None, str]]:
        await asyncio.sleep(1)
        told: list[tuple[str, int | None, str]] = []
        for record in self.log.landed:
            reply = decode(record.value)
            assert isinstance(reply, Reply)
            assert reply.kind == DEPARTURES
            told.append((record.topic, record.partition, reply.request_id))
        self.log.landed.clear()
        assert not self.lost
        return told


@virtual
async def test_a_partition_that_has_sent_nothing_says_so_at_once() -> None:
    room = Room()
    room.ask()
    assert await room.answers() == [("results", 3, "q")]
    assert await room.answers() == [], "once"


@virtual
async def test_what_was_sent_before_the_question_has_to_have_left_in_a_record_that_is_durable() -> None:
    room = Room(4, 9)
    room.ask()
    assert await room.answers() == []
    room.state.outbox.release(9)
    assert await room.answers() == [], "one of them has left"
    room.progress.appended += 1
    room.state.outbox.release(10)
    assert await room.answers() == [], "the record that says so is on its way"
    room.progress.acknowledged += 1
    assert await room.answers() == [("results", 3, "q")]


@virtual
async def test_what_is_sent_behind_the_question_holds_no_answer_up() -> None:
    room = Room(4, 12)
    room.progress.next_offset = 12
    room.ask()
    room.state.outbox.release(5)
    assert await room.answers() == [("results", 3, "q")]


@virtual
async def test_a_question_that_comes_again_goes_on_and_another_takes_its_place() -> None:
    """The owner that asks may change; what it asked before is nobody's."""
    room = Room(4)
    room.ask("before")
    await asyncio.sleep(1)
    room.ask("q")
    room.progress.next_offset = 20
    room.state.changes.put(*room.state.outbox.entry(15, 0, OutboxRow("commands", -1, b"k", b"v")))
    room.ask("q")
    room.ask("other", asker=1)
    room.state.outbox.release(10)
    assert await room.answers() == [("results", 3, "q")], "the question is that of before the second message"
    room.state.outbox.release(20)
    assert await room.answers() == [("results", 1, "other")]


@virtual
async def test_whom_nobody_can_answer_is_not_remembered() -> None:
    room = Room()
    for asker in (-1, 4, 10**9):
        room.ask(asker=asker)
    assert await room.answers() == []
