"""Acknowledgements: in sequence they count, anything else gives the partition up or is looked into."""

from __future__ import annotations

import asyncio

import pytest
from rooms import EPOCH, Rooms

from sagaline._host.partition.lost import Kind, Lost
from sagaline._log import Ack
from sagaline.errors import LogUnavailable

FIRST = EPOCH + 1


def rooms_with(appends: int) -> Rooms:
    rooms = Rooms()
    for number in range(appends):
        rooms.recorder.tombstone(b"%d" % number)
    return rooms


async def test_acknowledgements_in_sequence_are_applied_as_they_come() -> None:
    rooms = rooms_with(5)
    assert (rooms.progress.appended, rooms.progress.in_flight) == (5, 5)
    rooms.acknowledge(FIRST, FIRST + 1)
    rooms.acknowledge(FIRST + 2)
    assert rooms.sink.applied == [(FIRST, 2), (FIRST + 2, 1)]
    assert (rooms.progress.acknowledged, rooms.progress.next_offset) == (3, FIRST + 3)
    assert not rooms.losses


async def test_a_failed_append_puts_the_producer_in_doubt_and_nothing_behind_it_counts() -> None:
    rooms = rooms_with(3)
    rooms.acknowledge(FIRST)
    rooms.acknowledge(-1, error="timed out")
    rooms.acknowledge(FIRST + 1)
    assert rooms.kinds == [Kind.PRODUCER]
    assert rooms.sink.applied == [(FIRST, 1)]


async def test_an_offset_that_goes_back_or_an_acknowledgement_out_of_order_is_a_doubt() -> None:
    rooms = rooms_with(2)
    rooms.acknowledge(FIRST - 1)
    assert rooms.kinds == [Kind.PRODUCER]
    rooms = rooms_with(2)
    rooms.pipeline.on_acks([Ack(rooms.appender.appended[1].token, FIRST, None)])
    assert rooms.kinds == [Kind.PRODUCER]
    assert not rooms.sink.applied


async def test_foreign_records_in_a_gap_are_read_before_what_stands_behind_them_counts() -> None:
    rooms = rooms_with(3)
    rooms.acknowledge(FIRST, FIRST + 3)
    rooms.acknowledge(FIRST + 4)
    assert rooms.sink.applied == [(FIRST, 1)]
    await asyncio.sleep(0.01)
    assert [record.offset for record in rooms.sink.seen] == [FIRST + 1, FIRST + 2]
    assert rooms.sink.applied == [(FIRST, 1), (FIRST + 3, 2)]
    assert rooms.progress.next_offset == FIRST + 5
    assert rooms.pipeline.oldest_ms(10**9) == 0


async def test_a_claim_in_a_gap_gives_the_partition_up() -> None:
    rooms = rooms_with(1)
    rooms.sink.foreign = Lost(Kind.SUPERSEDED, "claimed")
    rooms.acknowledge(FIRST + 1)
    await asyncio.sleep(0.01)
    assert rooms.kinds == [Kind.SUPERSEDED]
    assert not rooms.sink.applied


@pytest.mark.parametrize(
    ("error", "kind"), [(LogUnavailable("away"), Kind.LOG), (RuntimeError("odd"), Kind.ENGINE)], ids=["log", "any"]
)
async def test_a_gap_that_cannot_be_read_gives_the_partition_up(error: Exception, kind: Kind) -> None:
    rooms = rooms_with(1)
    rooms.log.error = error
    rooms.acknowledge(FIRST + 1)
    await asyncio.sleep(0.01)
    assert rooms.kinds == [kind]


async def test_an_append_that_raises_is_in_doubt_and_none_follows_it() -> None:
    rooms = rooms_with(1)
    rooms.appender.error = OSError("broken pipe")
    rooms.recorder.tombstone(b"lost")
    rooms.appender.error = None
    rooms.recorder.tombstone(b"behind it")
    rooms.recorder.positions()
    assert [record.key for record in rooms.appender.appended] == [b"0"]
    assert rooms.kinds == [Kind.PRODUCER]


async def test_how_long_the_oldest_append_waits() -> None:
    rooms = rooms_with(2)
    assert rooms.pipeline.oldest_ms(5_000) == 4_000
    rooms.acknowledge(FIRST, FIRST + 1)
    assert rooms.pipeline.oldest_ms(5_000) == 0
