"""Inputs in order: what is consumed, what is settled, and what becomes a dead letter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from rooms import Rooms
from scripted_log import ScriptedLog

from sagaline._host.partition.inputs import Inputs
from sagaline._host.partition.lost import Kind, Lost
from sagaline._host.partition.messages import Mail, SignalsWait
from sagaline._host.partition.quarantine import Quarantine
from sagaline._log import COMMANDS, RESULTS, Record
from sagaline._model.codec import encode
from sagaline._model.records import ActivityResult, Claim, SignalRun, StartRun
from sagaline._payloads import NotResident
from sagaline._store import StoreUnavailable


class Room:
    """Inputs from command 10 and result 20 on; ``raises`` says what handling a request does."""

    def __init__(self, quarantine: Quarantine | None = None) -> None:
        self.rooms = Rooms()
        self.progress = self.rooms.progress
        self.log = ScriptedLog()
        self.log.held = True
        self.handled: list[tuple[str, tuple[int, int] | None, tuple[int, int]]] = []
        self.refused: list[tuple[str, str]] = []
        self.batches = 0
        self.together: list[list[str]] = []
        self.raises: dict[str, BaseException] = {}
        self.quarantine = quarantine or Quarantine()
        log: Any = self.log
        self.later: list[Callable[[], None]] = []
        self.inputs = Inputs(
            log, lambda: 1, self.progress, self.quarantine, self, self.signals, self.rooms.guard, self._later
        )

    def _later(self, missing: NotResident, callback: Callable[[], None]) -> None:
        self.later.append(callback)

    def handle(self, request: Any) -> None:
        name = getattr(request, "request_id", "result")
        self.handled.append((name, self.progress.before, self.progress.settled))
        if name in self.raises:
            raise self.raises[name]

    def signals(self, mails: Sequence[Mail]) -> None:
        self.together.append([mail.request.request_id for mail in mails])
        for mail in mails:
            self.handle(mail.request)

    def refuse(self, request: Any, cause: str) -> None:
        self.refused.append((request.request_id, cause))

    def end_batch(self) -> None:
        self.batches += 1

    def take(self, *records: Record) -> None:
        self.inputs.on_records(records)

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.handled]


def command(offset: int, name: str = "") -> Record:
    request = StartRun(name or f"q{offset}", "w", "flow", b"[]", "client", 0)
    return Record(COMMANDS, 0, offset, b"w", encode(request))


def signal(offset: int, name: str = "add") -> Record:
    return Record(COMMANDS, 0, offset, b"w", encode(SignalRun(f"s{offset}", "w", name, b"[]", "client", 0)))


def poison(offset: int) -> Record:
    return Record(COMMANDS, 0, offset, b"w", b"poison")


async def test_each_is_handled_once_and_what_was_there_before_is_skipped() -> None:
    room = Room()
    room.take(command(8), command(9), command(10), command(11))
    room.take(command(11), command(12), Record(RESULTS, 0, 20, b"", encode(ActivityResult("w", "r", 1, 1, b"1"))))
    assert room.names == ["q10", "q11", "q12", "result"]
    assert room.progress.consumed == room.progress.settled == (13, 21)
    assert room.batches == 2


async def test_positions_of_before_an_input_are_known_while_it_is_handled_and_only_then() -> None:
    room = Room()
    room.take(command(10), command(15))
    assert room.handled == [("q10", (10, 20), (11, 20)), ("q15", (11, 20), (16, 20))]
    assert room.progress.before is None


async def test_one_that_waits_for_its_payload_holds_back_those_behind_it_and_is_not_consumed() -> None:
    room = Room()
    result = Record(RESULTS, 0, 20, b"", encode(ActivityResult("w", "r", 1, 1, b"1")))
    room.raises["q11"] = NotResident(())
    room.take(command(10), command(11), result)
    room.take(command(12))
    assert room.names == ["q10", "q11"]
    assert (room.progress.consumed, room.progress.settled, room.progress.before) == ((11, 20), (11, 20), None)
    assert room.inputs.bytes_waiting > len(command(11).value or b"")
    (go_on,) = room.later
    with pytest.raises(NotResident):
        go_on()
    assert room.progress.consumed == (11, 20)
    room.raises.clear()
    go_on()
    assert room.names == ["q10", "q11", "q11", "q11", "result", "q12"]
    assert (room.progress.consumed, room.progress.settled) == ((13, 21), (13, 21))
    assert (len(room.later), room.inputs.bytes_waiting, room.rooms.losses) == (1, 0, [])


async def test_of_signals_that_came_together_those_that_were_handled_are_not_handled_again() -> None:
    room = Room()
    signals = [signal(offset) for offset in range(10, 14)]
    room.raises["s10"] = SignalsWait(NotResident(()), [signals[0], signals[2]])  # the others are of another run
    room.take(*signals, command(14))
    assert (room.progress.consumed, room.names) == ((10, 20), ["s10"])
    room.raises.clear()
    room.later[0]()
    assert room.names == ["s10", "s10", "s12", "q14"]
    assert room.progress.consumed == (15, 20)
    room.raises["s15"] = SignalsWait(NotResident(()), [signal(15)])
    room.take(signal(15), signal(16))
    assert room.progress.consumed == (15, 20)
    room.raises.clear()
    room.later[1]()
    assert room.progress.consumed == room.progress.settled == (17, 20), "behind all that was handled"


async def test_positions_stay_at_a_dead_letter_until_it_is_durable() -> None:
    room = Room()
    room.take(command(10), poison(11), command(12), poison(13), command(14))
    assert room.progress.consumed == (15, 20)
    assert room.progress.settled == (11, 20)
    room.log.release(1)
    assert room.progress.settled == (13, 20)
    room.log.release(1)
    assert room.progress.settled == (15, 20)


async def test_what_is_no_input_is_a_dead_letter() -> None:
    room = Room()
    room.take(
        Record(COMMANDS, 0, 10, b"w", encode(Claim("a", "b", 1))), Record(COMMANDS, 0, 11, b"w", None), command(12)
    )
    room.log.release()
    assert len(room.log.landed) == 2
    assert room.names == ["q12"]
    assert not room.rooms.losses


async def test_one_that_makes_the_engine_fail_twice_is_a_dead_letter_and_answered() -> None:
    quarantine = Quarantine()
    for _ in range(2):  # it may have been the memory, or a disk
        room = Room(quarantine)
        room.raises["bad"] = ZeroDivisionError("a bug")
        room.take(command(10), command(11, "bad"), command(12))
        assert room.rooms.kinds == [Kind.INPUT]
        assert room.names == ["q10", "bad"], "the partition is given up, and so is the rest of the batch"
    again = Room(quarantine)
    again.take(command(10), command(11, "bad"), command(12))
    assert again.names == ["q10", "q12"]
    assert again.refused == [("bad", "The engine failed: ZeroDivisionError: a bug")]
    assert again.progress.settled == (11, 20)


@pytest.mark.parametrize("error", [StoreUnavailable("the state could not be read")])
async def test_what_is_nobodys_fault_blames_no_input(error: Exception) -> None:
    room = Room()
    room.raises["innocent"] = error
    room.take(command(10, "innocent"))
    assert room.rooms.kinds == [Kind.STORE]
    assert room.quarantine.cause(COMMANDS, 10) is None


async def test_nothing_is_taken_once_the_partition_is_given_up() -> None:
    room = Room()
    room.rooms.guard.lose(Lost(Kind.CLOSED, "closed"))
    room.take(command(10))
    assert not room.handled
    assert room.progress.consumed == (10, 20)


def test_signals_that_follow_each_other_are_handed_on_together_and_are_settled_when_all_are_recorded() -> None:
    room = Room()
    room.take(signal(10), signal(11), command(12), signal(13))
    assert room.together == [["s10", "s11"], ["s13"]]
    assert room.names == ["s10", "s11", "q12", "s13"]
    assert [settled for _, _, settled in room.handled] == [(10, 20), (10, 20), (13, 20), (13, 20)]
    assert room.progress.settled == (14, 20)


def test_a_signal_that_cannot_be_taken_is_a_dead_letter_in_its_place() -> None:
    room = Room()
    room.take(signal(10), signal(11, "x" * 300), signal(12))
    assert room.together == [["s10"], ["s12"]]
    assert [name for name, _ in room.refused] == ["s11"]


def test_nothing_is_settled_when_signals_make_the_engine_fail() -> None:
    room = Room()
    room.raises["s11"] = StoreUnavailable("gone")
    with pytest.raises(StoreUnavailable):
        room.take(signal(10), signal(11))
    assert room.progress.settled == (10, 20)
