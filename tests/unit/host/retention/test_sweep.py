"""Retention: what is due goes, in its order, and nothing that goes wrong on the way ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from partition_rows import PartitionRows, run_id, started
from scripted_log import ScriptedLog
from virtual_time import virtual

from sagaline._engine.meta import Meta
from sagaline._host.options import HostOptions
from sagaline._host.partition.guard import Guard
from sagaline._host.partition.lost import Kind, Lost
from sagaline._host.partition.progress import Progress
from sagaline._host.retention.senders import Senders
from sagaline._host.retention.sweep import Retention, Surroundings
from sagaline._model.events import RunCompleted, TimerFired, TimerStarted
from sagaline._model.keys import history_key, positions_key

DAY_MS = 86_400_000


class Room:
    """Retention over rows of a partition: what it appends is durable a moment later, unless ``held``."""

    def __init__(self, sweep_s: float = 10.0, blobs: bool = False) -> None:
        self.rows = PartitionRows()
        self.progress = Progress.begin(Meta())
        self.appended: list[bytes | str] = []
        self.trouble: dict[str, list[Exception]] = {}
        self.in_use: set[str] = set()
        self.commands_end = 0
        self.deleted: list[str] = []
        self.log: Any = ScriptedLog()
        self.on_delete: Callable[[], None] = lambda: None
        self.held = self.hangs = False
        self.lost: list[Lost] = []
        self.epoch = 0
        options = HostOptions("w", retention_ms=DAY_MS, sweep_s=sweep_s, clock=self.now_ms)
        surroundings = Surroundings(
            *(self.end, self.is_behind, self.runs_in_use, self.kept_ms),
            self.delete_blobs if blobs else None,
            Senders(0, 0, self.log, self.progress, 0.0),
        )
        recorder: Any = self
        state = self.rows.state
        guard = Guard(self.lost.append)
        self.retention = Retention(state, state, recorder, self.progress, surroundings, options, guard)

    def now_ms(self) -> int:
        self.meet("clock")
        return int(asyncio.get_running_loop().time() * 1_000)

    def meet(self, port: str) -> None:
        """Raises what a test has put in the way of a port."""
        if self.trouble.get(port):
            raise self.trouble[port].pop()

    async def end(self) -> int:
        await asyncio.sleep(0)
        if self.hangs:
            await asyncio.Event().wait()
        self.meet("commands_end")
        return self.commands_end

    def is_behind(self) -> bool:
        self.meet("is_behind")
        return False

    def runs_in_use(self) -> set[str]:
        self.meet("runs_in_use")
        return self.in_use

    def kept_ms(self, workflow: str) -> int:
        self.meet("kept_ms")
        return DAY_MS

    async def delete_blobs(self, run: str) -> None:
        await asyncio.sleep(0.01)
        self.meet("delete_blobs")
        self.deleted.append(run)
        self.on_delete()

    # The recorder

    def positions(self) -> int:
        self.meet("positions")
        number = self.progress.appended
        self.progress.appended += 1
        self.appended.append("positions")
        self.rows.positions(self.epoch, number)
        if not self.held:
            asyncio.get_running_loop().call_later(0.01, self.durable, number)
        return number

    def durable(self, number: int) -> None:
        self.progress.acknowledged = self.progress.appended
        self.retention.on_positions(self.epoch, number)

    def tombstone(self, key: bytes) -> None:
        self.meet("tombstone")
        self.progress.appended += 1
        if not self.held:
            self.progress.acknowledged = self.progress.appended
        self.appended.append(key)
        self.rows.delete(key)

    # Runs

    def closed(self, workflow_id: str, run: str = "", at: int | None = None) -> None:
        at = self.now_ms() if at is None else at
        self.rows.append(workflow_id, started(), TimerStarted(1, 9), at=at, run=run)
        self.rows.append(workflow_id, TimerFired(1), RunCompleted(b"1"), at=at, run=run)
        self.progress.released = self.rows.next_offset

    def is_there(self, workflow_id: str, run: str = "") -> bool:
        return self.rows.state.run_by_id(workflow_id, run_id(run or workflow_id)) is not None


def keys_of(workflow_id: str, run: str = "") -> list[bytes]:
    return [history_key(workflow_id, run_id(run or workflow_id), first, 0) for first in (1, 3)]


@virtual
async def test_a_closed_run_goes_when_its_time_is_over_behind_positions_and_from_its_first_record() -> None:
    room = Room()
    room.closed("id")
    room.retention.begin()
    await asyncio.sleep(86_390)
    assert room.appended == []
    await asyncio.sleep(30)
    assert room.appended == ["positions", *keys_of("id")]
    assert not room.is_there("id")
    assert not list(room.rows.state.remnants.runs())
    await asyncio.sleep(100)
    assert len(room.appended) == 3, "nothing more is due"


PORTS = ["commands_end", "is_behind", "runs_in_use", "kept_ms", "delete_blobs", "clock"]


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("error", [OSError("disk"), RuntimeError("a bug"), KeyError("anything"), TimeoutError()])
@virtual
async def test_whatever_a_step_raises_is_tried_again(port: str, error: Exception) -> None:
    """Fault 7: the first exception that was no LogUnavailable ended retention for good."""
    room = Room(blobs=True)
    room.closed("id")
    room.rows.append("open", started())
    room.retention.begin()
    await asyncio.sleep(60)
    room.trouble[port] = [error] * 3
    await asyncio.sleep(86_400 + 600)
    assert room.trouble[port] == [], "it was met"
    assert not room.is_there("id")
    assert room.is_there("open")
    assert room.deleted == [run_id("id")]
    assert not room.lost


@pytest.mark.parametrize("port", ["positions", "tombstone"])
@virtual
async def test_what_goes_wrong_in_appending_gives_the_partition_up(port: str) -> None:
    room = Room()
    room.closed("id")
    room.trouble[port] = [RuntimeError("a bug")]
    room.retention.begin()
    await asyncio.sleep(86_500)
    assert [lost.kind for lost in room.lost] == [Kind.ENGINE]


@virtual
async def test_a_look_up_that_hangs_is_given_up() -> None:
    room = Room()
    room.closed("id")
    room.hangs = True
    room.retention.begin()
    await asyncio.sleep(86_500)
    assert room.is_there("id")
    room.hangs = False
    await asyncio.sleep(100)
    assert not room.is_there("id")


@virtual
async def test_nothing_goes_before_the_commands_that_wait_are_settled() -> None:
    room = Room()
    room.closed("id")
    room.commands_end = 5
    room.progress.settled = (4, 0)
    room.retention.begin()
    await asyncio.sleep(86_500)
    assert room.appended == []
    room.progress.settled = (5, 0)
    await asyncio.sleep(20)
    assert room.appended == ["positions", *keys_of("id")]


@virtual
async def test_nothing_goes_before_the_positions_are_durable() -> None:
    room = Room()
    room.closed("id")
    room.held = True
    room.retention.begin()
    await asyncio.sleep(86_500)
    assert room.appended == ["positions"]
    room.durable(0)
    await asyncio.sleep(1)
    assert room.appended == ["positions", *keys_of("id")]


@virtual
async def test_a_run_stays_until_its_messages_have_left() -> None:
    room = Room()
    room.closed("id")
    room.progress.released = 1
    room.retention.begin()
    await asyncio.sleep(86_500)
    assert room.is_there("id")
    room.progress.released = 2
    await asyncio.sleep(100)
    assert not room.is_there("id")


@virtual
async def test_a_run_that_somebody_is_being_answered_with_stays_also_one_who_came_while_blobs_went() -> None:
    room = Room(blobs=True)
    room.closed("a")
    room.closed("b")
    room.in_use = {run_id("a")}
    room.on_delete = lambda: room.in_use.add(run_id("b"))
    room.retention.begin()
    await asyncio.sleep(86_500)
    assert room.deleted == [run_id("b")]
    assert room.is_there("a")
    assert room.is_there("b")
    room.in_use, room.on_delete = set(), lambda: None
    await asyncio.sleep(100)
    assert not room.is_there("a")
    assert not room.is_there("b")


@virtual
async def test_the_runs_of_one_id_go_one_by_one_each_in_its_time() -> None:
    room = Room()
    room.closed("id", "first")
    room.retention.begin()
    await asyncio.sleep(1_000)
    room.closed("id", "second")
    await asyncio.sleep(1_000)
    room.rows.append("id", started(), run="third")
    await asyncio.sleep(86_400 - 1_500)
    assert [room.is_there("id", run) for run in ("first", "second", "third")] == [False, True, True]
    assert room.appended == ["positions", *keys_of("id", "first")]
    await asyncio.sleep(1_000)
    assert [room.is_there("id", run) for run in ("first", "second", "third")] == [False, False, True]
    newest = room.rows.state.run("id")
    assert newest is not None
    assert newest.run_id == run_id("third")


@virtual
async def test_one_sweep_takes_all_that_is_due() -> None:
    """The next one is a day away."""
    room = Room(sweep_s=86_400)
    for number in range(700):
        room.closed(f"id-{number}", at=0)
    room.retention.begin()
    await asyncio.sleep(86_500)
    assert not list(room.rows.state.closed.runs("w"))


@virtual
async def test_older_records_of_positions_go_when_a_newer_one_is_durable() -> None:
    room = Room()
    for number in range(5):
        room.rows.positions(0, number)
    room.closed("id")
    room.epoch = 7
    room.retention.begin()
    await asyncio.sleep(86_500)
    assert room.appended[:6] == ["positions", *(positions_key(0, number) for number in range(5))]
    assert list(room.rows.state.positions.all()) == [(7, 0)]


@virtual
async def test_closed_retention_appends_nothing() -> None:
    room = Room()
    room.closed("id")
    room.retention.begin()
    await asyncio.sleep(86_390)
    room.retention.close()
    await asyncio.sleep(1_000)
    assert room.appended == []
