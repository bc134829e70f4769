"""Partitions whose runs have sent something are asked before it is forgotten: seldom, and again until they answer."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from scripted_log import ScriptedLog
from virtual_time import virtual

from sagaline._engine.meta import Meta
from sagaline._host.partition.progress import Progress
from sagaline._host.retention.senders import Senders
from sagaline._model.codec import decode
from sagaline._model.keys import partition_of
from sagaline._model.records import DEPARTURES, ReadRun, Reply

PARENT, OTHER = "parent", "another"


class Room:
    """The owner of partition 2, in the epoch 5, whose history ends at 100."""

    def __init__(self, in_flight_s: float = 0.0) -> None:
        self.log: Any = ScriptedLog()
        self.log.partitions = 8
        self.progress = Progress.begin(Meta(next_offset=100, epoch=5))
        self.senders = Senders(2, 5, self.log, self.progress, in_flight_s)

    def may_go(self, offset: int = 50, *senders: str) -> bool:
        return self.senders.may_forget_run(senders or (PARENT,), offset)

    def asked(self) -> list[ReadRun]:
        """Since the last look."""
        questions: list[ReadRun] = []
        for record in self.log.published:
            question = decode(record.value)
            assert isinstance(question, ReadRun)
            assert (record.topic, question.what, question.reply_partition) == ("commands", DEPARTURES, 2)
            assert question.workflow_id == f"partition {record.partition}"
            questions.append(question)
        self.log.published.clear()
        return questions

    def answer(self, question: ReadRun) -> None:
        self.senders.on_reply(Reply(question.request_id, question.workflow_id, "", DEPARTURES, ""))


@virtual
async def test_a_run_that_no_run_has_asked_for_costs_no_question() -> None:
    room = Room()
    assert room.senders.may_forget_run((), 50)
    assert room.senders.may_forget_refusals((), (5, 0))
    assert room.asked() == []


@virtual
async def test_an_answer_holds_for_all_that_had_ended_when_it_was_asked_for() -> None:
    room = Room()
    assert not room.may_go()
    (question,) = room.asked()
    room.progress.next_offset = 200
    room.answer(question)
    assert room.may_go(99)
    assert room.asked() == []
    assert not room.may_go(100), "this one has ended since"
    (second,) = room.asked()
    assert second.request_id != question.request_id
    assert room.may_go(99), "what is known stays known"
    room.answer(second)
    assert room.may_go(199)


@virtual
async def test_an_answer_counts_when_what_was_published_before_it_must_have_landed() -> None:
    """An owner that is dead by now may have sent it."""
    room = Room(in_flight_s=120)
    assert not room.may_go()
    room.answer(*room.asked())
    for _ in range(119):
        await asyncio.sleep(1)
        assert not room.may_go()
    assert room.asked() == [], "there is no need to ask again"
    await asyncio.sleep(1)
    assert room.may_go()
    assert not room.may_go(100)
    assert len(room.asked()) == 1


@virtual
async def test_refusals_are_compared_by_epoch_and_number() -> None:
    room = Room()
    room.progress.acknowledged = 7
    assert not room.senders.may_forget_refusals([PARENT], (4, 900))
    room.answer(*room.asked())
    assert room.senders.may_forget_refusals([PARENT], (4, 900))
    assert room.senders.may_forget_refusals([PARENT], (5, 6))
    assert not room.senders.may_forget_refusals([PARENT], (5, 7))


@virtual
async def test_every_partition_that_has_sent_something_is_asked_once() -> None:
    room = Room()
    for _ in range(5):
        assert not room.may_go(50, PARENT, OTHER, PARENT)
    places = sorted({partition_of(PARENT, 8), partition_of(OTHER, 8)})
    questions = room.asked()
    assert sorted(question.workflow_id for question in questions) == [f"partition {place}" for place in places]
    assert len(places) == 2
    room.answer(questions[0])
    assert not room.may_go(50, PARENT, OTHER)
    room.answer(questions[1])
    assert room.may_go(50, PARENT, OTHER)


@virtual
async def test_silence_is_asked_again_with_waits_that_grow_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    room = Room()
    with caplog.at_level(logging.WARNING, "sagaline.retention"):
        for _ in range(3_600):
            assert not room.may_go()
            await asyncio.sleep(1)
    questions = room.asked()
    assert len({question.request_id for question in questions}) == 1, "whoever has it goes on with it"
    assert 100 < len(questions) < 140
    assert 3 <= len(caplog.records) <= 8
    assert f"partition {partition_of(PARENT, 8)}, whose runs" in caplog.text
    assert room.senders.unanswered() == {partition_of(PARENT, 8): 3_600.0}
    room.answer(questions[0])
    assert room.may_go()
    assert room.senders.unanswered() == {}


@virtual
async def test_an_answer_to_somebody_else_says_nothing() -> None:
    room = Room()
    assert not room.may_go()
    before = Senders(2, 4, room.log, room.progress, 0.0)
    assert not before.may_forget_run([PARENT], 50)
    _, of_before = room.asked()
    room.answer(of_before)
    assert not room.may_go()
