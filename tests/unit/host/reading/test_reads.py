"""Reads as a whole: proven, answered, and forgotten by nobody but those who listen no more."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from partition_rows import PartitionRows, run_id, started
from scripted_log import ScriptedLog
from virtual_time import virtual

from sagaline._host.partition.guard import Guard
from sagaline._host.partition.lost import Lost
from sagaline._host.reading.reads import OtherOwners, Reads
from sagaline._model.codec import decode
from sagaline._model.descriptions import RunSummary
from sagaline._model.events import RunCompleted
from sagaline._model.records import ReadRun, Reply, StartRun


class Room:
    """Reads of a partition with one open run, "id"; nothing else is written."""

    def __init__(self) -> None:
        self.rows = PartitionRows()
        self.rows.append("id", started())
        self.log = ScriptedLog()
        self.lost: list[Lost] = []
        self.started: list[StartRun] = []
        log: Any = self.log
        guard = Guard(self.lost.append)
        self.departures: list[ReadRun] = []
        self.reads = Reads(
            log,
            self.rows.state,
            guard,
            self.end_offset,
            lambda: self.log.end,
            self.started.append,
            OtherOwners(self.departures.append, lambda: {3: 61.25}),
            lambda *_: None,
        )

    async def end_offset(self) -> int:
        return (await self.log.bounds("history", 0))[1]

    def ask(self, what: str, workflow_id: str = "id", name: str = "r", **more: Any) -> None:
        self.reads.ask(ReadRun(name, workflow_id, what, "client", 0, **more), 1, idle=True)

    def complete(self, workflow_id: str = "id") -> None:
        self.rows.append(workflow_id, RunCompleted(b"7"))
        self.reads.closed(workflow_id, run_id(workflow_id))

    async def answers(self) -> list[Reply]:
        await asyncio.sleep(0.1)
        decoded: list[Any] = [decode(record.value) for record in self.log.landed]
        self.log.landed.clear()
        return decoded


@virtual
async def test_each_question_has_its_answer() -> None:
    room = Room()
    for what in ("description", "history", "runs", "parked", "result"):
        room.ask(what, name=what)
    assert [(reply.request_id, reply.kind) for reply in await room.answers()] == [
        ("description", "description"),
        ("history", "history"),
        ("runs", "runs"),
        ("parked", "parked"),
    ]
    room.complete()
    (reply,) = await room.answers()
    assert (reply.request_id, reply.kind, reply.status, reply.result) == ("result", "closed", "completed", b"7")
    room.ask("result", name="again")
    (reply,) = await room.answers()
    assert (reply.request_id, reply.kind, reply.result) == ("again", "closed", b"7")


@virtual
async def test_another_owner_is_answered_elsewhere_when_its_question_is_proven() -> None:
    room = Room()
    room.ask("departures", "partition 0", name="q")
    assert room.departures == []
    assert await room.answers() == []
    assert [request.request_id for request in room.departures] == ["q"]


@virtual
async def test_it_says_whose_silence_keeps_closed_runs() -> None:
    room = Room()
    room.ask("retention", "partition 0")
    (reply,) = await room.answers()
    assert (reply.kind, reply.result) == ("retention", b'{"3":61.2}')


@virtual
async def test_thirty_polls_leave_no_waiters_behind() -> None:
    """Fault 11."""
    room = Room()
    for number in range(30):
        room.ask("result", name=f"poll {number}", waits_ms=500)
        await asyncio.sleep(0.5)
        assert len(room.reads._waiters) <= 4
    await asyncio.sleep(2)
    assert len(room.reads._waiters) == 0
    room.ask("result", name="the last", waits_ms=60_000)
    assert await room.answers() == []
    room.complete()
    assert [reply.request_id for reply in await room.answers()] == ["the last"]


@virtual
async def test_an_earlier_run_of_the_id_is_read_by_its_run_id() -> None:
    room = Room()
    first, second = run_id("id"), run_id("second")
    room.ask("result", name="of the first", run_id=first)
    await asyncio.sleep(0.1)
    room.complete()
    room.rows.append("id", started("another"), run="second")
    room.ask("result", name="of the first, later", run_id=first)
    room.ask("description", name="of the first, too", run_id=first)
    room.ask("description", name="of the newest")
    room.ask("result", name="of the newest, too")
    room.reads.ask(StartRun("s", "id", "w", b"[]", "client", 0, "closed"), 1, idle=True, run_id=first)
    assert [(reply.request_id, reply.run_id, reply.status) for reply in await room.answers()] == [
        ("of the first", first, "completed"),
        ("of the first, later", first, "completed"),
        ("of the first, too", first, "completed"),
        ("of the newest", second, "running"),
        ("s", first, "completed"),
    ]
    room.ask("runs")
    (listed,) = await room.answers()
    shown = [msgspec.json.decode(record, type=RunSummary) for record in listed.records]
    assert {(run.run_id, run.workflow, run.status) for run in shown} == {
        (first, "w", "completed"),
        (second, "another", "running"),
    }


@virtual
async def test_a_run_that_is_not_there_and_a_question_that_nobody_knows_are_refused() -> None:
    room = Room()
    room.ask("result", workflow_id="nobody")
    room.ask("result", run_id=run_id("another"))
    room.ask("the weather")
    room.ask("runs", filter="sleepy")
    failures = [reply.failure for reply in await room.answers()]
    assert [failure and failure.type for failure in failures] == [
        "WorkflowNotFound",
        "WorkflowNotFound",
        "UnknownQuestion",
        "UnknownStatus",
    ]


@virtual
async def test_a_start_that_is_repeated_is_answered_with_its_run() -> None:
    room = Room()
    accepted = StartRun("s", "id", "w", b"[]", "client", 0, "accepted")
    room.reads.ask(accepted, 1, idle=True, run_id=run_id("id"))
    room.reads.ask(StartRun("t", "id", "w", b"[]", "client", 0, "closed"), 1, idle=True, run_id=run_id("id"))
    assert room.reads.runs_in_use() == {run_id("id")}, "it stays until they are answered"
    (reply,) = await room.answers()
    assert (reply.request_id, reply.kind, reply.run_id) == ("s", "accepted", run_id("id"))
    room.complete()
    (reply,) = await room.answers()
    assert (reply.request_id, reply.kind, reply.result) == ("t", "closed", b"7")
    assert room.reads.runs_in_use() == set()
    room.reads.ask(StartRun("u", "gone", "w", b"[]", "client", 0), 1, idle=True, run_id=run_id("gone"))
    await asyncio.sleep(0.1)
    assert [start.request_id for start in room.started] == ["u"], "the run has been retired meanwhile"


@virtual
async def test_whatever_the_log_raises_the_next_request_is_answered() -> None:
    """Fault 7, for each port call that reads make: look-ups and publishing."""
    for error in (OSError("disk"), RuntimeError("a bug"), KeyError("anything")):
        room, troubles = Room(), [error]
        room.log.look_ups = [error]
        room.log.fate = lambda record, troubles=troubles: troubles.pop() if troubles else None  # type: ignore[misc]
        for name in ("first", "second"):
            room.ask("description", name=name)
        await asyncio.sleep(5)
        assert [reply.request_id for reply in await room.answers()] == ["second"], "the first one's client asks again"
        room.ask("description", name="third")
        assert [reply.request_id for reply in await room.answers()] == ["third"]
        assert not room.lost


@virtual
async def test_whatever_the_state_raises_the_next_request_is_answered() -> None:
    room = Room()
    get = room.rows.store.get

    def broken(key: bytes) -> bytes | None:
        room.rows.store.get = get  # type: ignore[method-assign]
        raise RuntimeError("a bug")

    room.rows.store.get = broken  # type: ignore[method-assign]
    room.ask("runs", name="first")
    room.ask("description", name="second")
    replies = await room.answers()
    assert {reply.request_id for reply in replies} == {"first", "second"}
    assert not room.lost


@virtual
async def test_what_is_in_memory_is_counted_and_comes_to_nothing() -> None:
    room = Room()
    room.log.held = True
    room.reads.ask(StartRun("s", "id", "w", b"x" * 300_000, "client", 0, "accepted"), 1, idle=True)
    assert room.reads.bytes_waiting >= 300_000, "reading pauses when they are many"
    for number in range(100):
        room.ask("history", name=str(number))
    await asyncio.sleep(1)
    room.log.held = False
    room.log.release()
    await asyncio.sleep(1)
    assert room.reads.bytes_waiting == 0
