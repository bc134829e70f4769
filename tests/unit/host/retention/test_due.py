"""What is due is found also behind many that have to stay, and no look takes long."""

from __future__ import annotations

from typing import Any

import pytest
from partition_rows import PartitionRows, run_id, started
from scripted_log import ScriptedLog
from virtual_time import virtual

from sagaline._engine.apply import apply_refusals
from sagaline._engine.meta import Meta
from sagaline._host.options import HostOptions
from sagaline._host.partition.progress import Progress
from sagaline._host.retention import due as module
from sagaline._host.retention.due import Search
from sagaline._host.retention.senders import Senders
from sagaline._model.codec import decode
from sagaline._model.events import CancelRequested, RunCompleted, RunStarted, SignalReceived
from sagaline._model.failure import Failure
from sagaline._model.records import ReadRun, Refusal, Refusals, Reply


def child(parent: str) -> RunStarted:
    return RunStarted("w", b"[]", "request", "", 0, "accepted", parent_id=parent, parent_run_id="p", parent_step=1)


class Room:
    """A partition with closed runs that are all due."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_HELD_AT_ONCE", 10)
        monkeypatch.setattr(module, "_AT_ONCE", 4)
        self.rows = PartitionRows()
        self.log: Any = ScriptedLog()
        self.log.partitions = 1
        self.progress = Progress.begin(Meta())
        options = HostOptions("w", retention_ms=100, clock=lambda: 1_000_000)
        state = self.rows.state
        self.senders = Senders(0, 0, self.log, self.progress, 0.0)
        self.search = Search(state, state, self.progress, self.senders, lambda workflow: 100, options)
        self.at = 0

    def closed(self, name: str, first: RunStarted | None = None, *more: Any, run: str = "") -> None:
        self.at += 1
        self.rows.append(name, first or started(), *more, RunCompleted(b"1"), at=self.at, run=run)
        self.progress.next_offset = self.progress.released = self.rows.next_offset

    def found(self) -> list[str]:
        return [workflow_id for workflow_id, _ in self.search.find().runs]

    def answer(self) -> None:
        for record in self.log.published:
            question = decode(record.value)
            assert isinstance(question, ReadRun)
            self.senders.on_reply(Reply(question.request_id, "", "", "departures", ""))


@virtual
async def test_a_child_is_due_when_its_parents_side_has_answered() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        room = Room(monkeypatch)
        room.closed("child", child("parent"))
        room.closed("alone")
        assert room.found() == ["alone"]
        room.answer()
        assert room.found() == ["child", "alone"]


@virtual
async def test_so_is_a_run_that_another_has_sent_something() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        room = Room(monkeypatch)
        room.closed("of a client", None, SignalReceived("s0", "go", b"[]"), CancelRequested("c0", "", "", "", 0))
        room.closed("signalled", None, SignalReceived("s1", "go", b"[]", "sender", "r", 1))
        room.closed("cancelled", None, CancelRequested("c1", "", "sender", "r", 2))
        assert room.found() == ["of a client"]
        room.answer()
        assert room.found() == ["of a client", "signalled", "cancelled"]


@virtual
async def test_runs_behind_one_of_their_id_that_stays_stay_too() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        room = Room(monkeypatch)
        room.closed("id", child("parent"), run="first")
        room.closed("id", run="second")
        assert room.found() == []
        room.answer()
        assert room.search.find().runs == [("id", run_id("first")), ("id", run_id("second"))]


@virtual
async def test_those_behind_many_that_stay_have_their_turn() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        room = Room(monkeypatch)
        for number in range(25):
            room.closed(f"child-{number}", child("parent"))
        for number in range(6):
            room.closed(f"alone-{number}")
        assert room.found() == []
        assert room.found() == []
        assert room.found() == [f"alone-{number}" for number in range(4)]
        assert room.found() == ["alone-4", "alone-5"], "it goes on where it was"
        assert room.found() == [], "and begins anew"
        room.answer()
        found = {name for _ in range(15) for name in room.found()}
        assert len(found) == 31


@virtual
async def test_refusals_of_requests_of_runs_stay_too_and_hold_no_others_up() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        room = Room(monkeypatch)
        state, failure = room.rows.state, Failure("IdInUse", "no", retryable=False)
        for number in range(15):
            parent = "parent" if number < 12 else ""
            refusal = Refusal(f"r{number}", "w", failure, parent, "p" if parent else "", 1)
            apply_refusals(state, Refusals(0, 1, 0, 0, 0, (refusal,)), number)
        room.progress.acknowledged = 15
        assert room.search.find().refusals == []
        assert room.search.find().refusals == [(0, 12), (0, 13), (0, 14)]
        room.answer()
        assert room.search.find().refusals == [(0, 0), (0, 1), (0, 2), (0, 3)]
        assert room.search.find().refusals == [(0, 4), (0, 5), (0, 6), (0, 7)]
