"""The only way to append: what each record says of inputs and messages, and that its size is known before."""

from __future__ import annotations

import pytest
from rooms import EPOCH, Rooms

from sagaline._engine.beginning_rows import new_run
from sagaline._engine.decide import Rejected, run_id_of
from sagaline._engine.emit import Emitter
from sagaline._host.partition.recorder import RecordTooLarge
from sagaline._model import limits
from sagaline._model.events import RunStarted, TimerStarted
from sagaline._model.failure import Failure
from sagaline._model.keys import parse_key
from sagaline._model.records import History, Positions, Refusals, StartRun


def request(name: str, workflow_id: str = "w") -> StartRun:
    return StartRun(name, workflow_id, "flow", b"[]", "client", 0)


def emitter(rooms: Rooms, workflow_id: str = "w", payload: bytes = b"[]") -> Emitter:
    started = RunStarted("flow", payload, "q", "", 0, "accepted")
    run = new_run(workflow_id, run_id_of(request("q", workflow_id)), started, rooms.now_ms)
    made = Emitter(rooms.state, run, rooms.now_ms)
    made.emit(started)
    return made


def refuse(rooms: Rooms, name: str) -> None:
    rooms.recorder.refuse(Rejected(name, "w", Failure("No", "no")), request(name))


async def test_a_record_carries_what_is_settled_and_what_has_left() -> None:
    rooms = Rooms()
    rooms.progress.settled, rooms.progress.released = (17, 23), 5
    rooms.recorder.activation(emitter(rooms))
    (appended,) = rooms.appender.appended
    record = appended.record
    assert isinstance(record, History)
    assert (record.epoch, record.commands_position, record.results_position, record.released) == (EPOCH, 17, 23, 5)
    assert rooms.progress.recorded == (17, 23, 5)
    key = parse_key(appended.key)
    assert key is not None
    assert key.epoch == EPOCH


async def test_a_record_that_is_not_all_that_comes_of_an_input_carries_the_positions_from_before_it() -> None:
    rooms = Rooms()
    rooms.progress.settled = (17, 23)
    rooms.recorder.activation(emitter(rooms), positions=(16, 23))
    assert rooms.appender.appended[0].record.commands_position == 16
    assert rooms.progress.recorded[:2] == (16, 23)


async def test_positions_never_go_back() -> None:
    """Found by the simulation (seed 303): a timer was decided on with the positions from before the last input."""
    rooms = Rooms()
    rooms.progress.settled = (17, 23)
    rooms.recorder.positions()
    rooms.recorder.activation(emitter(rooms), positions=(16, 24))
    assert rooms.progress.recorded[:2] == (17, 24)


async def test_no_events_are_no_record() -> None:
    rooms = Rooms()
    run = emitter(rooms).run
    rooms.recorder.activation(Emitter(rooms.state, run, 1))
    assert not rooms.appender.appended


async def test_refusals_that_wait_come_before_positions_and_carry_those_of_their_time() -> None:
    rooms = Rooms()
    rooms.progress.settled = (11, 20)
    refuse(rooms, "a")
    rooms.progress.settled = (12, 20)
    refuse(rooms, "b")
    rooms.progress.settled = (15, 20)
    number = rooms.recorder.positions()
    refusals, positions = (appended.record for appended in rooms.appender.appended)
    assert isinstance(refusals, Refusals)
    assert isinstance(positions, Positions)
    assert [refusal.request_id for refusal in refusals.refusals] == ["a", "b"]
    assert (refusals.commands_position, positions.commands_position, number) == (12, 15, 1)
    assert rooms.state.refusal("a") is not None


@pytest.mark.parametrize("positions", [None, (14, 20)])
async def test_what_is_recorded_while_refusals_wait_does_not_say_that_they_were_read(
    positions: tuple[int, int] | None,
) -> None:
    """Found by the simulation (seed 1658): payloads of a later command were fetched, and a run went on as another."""
    rooms = Rooms()
    rooms.progress.settled = (11, 20)
    rooms.recorder.positions()
    for offset, name in enumerate(("a", "b"), 12):
        rooms.progress.settled = (offset, 20)
        refuse(rooms, name)
    rooms.progress.settled = (15, 21)
    rooms.recorder.activation(emitter(rooms), positions=positions)
    rooms.recorder.refusals()
    rooms.recorder.activation(emitter(rooms, "another"))
    _, between, refusals, behind = (appended.record for appended in rooms.appender.appended)
    assert isinstance(refusals, Refusals)
    assert [one.commands_position for one in (between, refusals, behind)] == [11, 13, 15]
    assert (between.results_position, behind.results_position) == (20, 21)


async def test_refusals_are_split_by_bytes_and_by_count() -> None:
    rooms = Rooms()
    for number in range(1_200):
        rooms.progress.settled = (number, 20)
        failure = Failure("No", "m" * (8_000 if number < 200 else 10))
        rooms.recorder.refuse(Rejected(f"r{number}", "w", failure), request(f"r{number}"))
    rooms.recorder.refusals()
    records = [appended.record for appended in rooms.appender.appended]
    assert [name for record in records for name in (refusal.request_id for refusal in record.refusals)] == [
        f"r{number}" for number in range(1_200)
    ]
    assert all(len(appended.value or b"") <= limits.RECORD_BYTES // 2 for appended in rooms.appender.appended)
    assert max(len(record.refusals) for record in records) == 500
    positions = [record.commands_position for record in records]
    assert positions == sorted(positions)
    assert positions[-1] == 1_199


async def test_what_is_too_large_is_never_appended() -> None:
    rooms = Rooms()
    large = emitter(rooms, payload=b"x" * 500_000)
    large.emit(TimerStarted(1, 5))
    large.events.append(large.events[0])
    with pytest.raises(RecordTooLarge, match=r"at most 900,000 bytes but 3 events of w take 1,000,"):
        rooms.recorder.activation(large)
    assert not rooms.appender.appended
    assert rooms.progress.appended == 0


async def test_a_tombstone_says_nothing_of_inputs() -> None:
    rooms = Rooms()
    before = rooms.progress.recorded
    rooms.progress.settled = (99, 99)
    rooms.recorder.tombstone(b"key")
    assert rooms.appender.appended[0].value is None
    assert rooms.progress.recorded == before
