"""A history that this code cannot read to its end stops its run and nothing else, and loses nothing."""

from __future__ import annotations

import msgspec
import pytest
from engine_states import scheduled

from sagaline._engine import held
from sagaline._engine.appliers import APPLIERS, NEWEST
from sagaline._engine.emit import Emitter, RunIsClosed
from sagaline._engine.held import HELD, can_go_on
from sagaline._engine.meta import Meta
from sagaline._engine.overlay import Overlay
from sagaline._engine.reader import HistoryReader
from sagaline._engine.state import State
from sagaline._model import events
from sagaline._model.codec import UnreadableRecord, encode
from sagaline._model.events import Event
from sagaline._model.keys import claim_key, history_key, positions_key
from sagaline._model.records import PARKED, Claim, History, Positions
from sagaline._store.memory import MemoryStore

RUN, OTHER = "1" * 32, "2" * 32
STARTED = events.RunStarted("pay", b"[]", "request", "client", 0, "accepted")
NEWER = msgspec.structs.replace(events.TimerStarted(2, 50), version=9)
GARBAGE = b"\xc3\x01" + b"another schema, newer than this code"


class Log:
    """Reads what it is given at once; ``unreadable`` are the offsets of what it could not read."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.overlay = Overlay(self.store)
        self.state = State(self.overlay, Meta(), cached_runs=0)
        self.reader = HistoryReader(self.state, Meta())
        self.unreadable: list[int] = []
        self.claim()

    def add(self, key: bytes, value: bytes | None) -> None:
        offset = self.reader.meta.next_offset
        try:
            self.reader.read(offset, key, value)
        except UnreadableRecord:
            self.unreadable.append(offset)
        writes = self.state.drain_writes()
        self.store.write(writes.items())
        self.overlay.settle(writes)
        self.effects = self.state.drain_effects()

    def claim(self, value: bytes | None = None) -> None:
        self.epoch = self.reader.meta.next_offset
        self.add(claim_key(str(self.epoch)), value or encode(Claim("w", str(self.epoch), 0)))

    def run(self, first: int, *happened: Event, run_id: str = RUN, workflow_id: str = "w", position: int = 0) -> None:
        record = History(self.epoch, 10 + first, workflow_id, run_id, first, position, 0, 0, (), False, happened)
        self.add(history_key(workflow_id, run_id, first, self.epoch), encode(record))

    def damaged(self, first: int, run_id: str = RUN, epoch: int | None = None) -> None:
        self.add(history_key("w", run_id, first, self.epoch if epoch is None else epoch), GARBAGE)

    def rows(self, *prefixes: bytes) -> list[bytes]:
        return [key for key in self.store.rows if key[:2] in prefixes]


def begun() -> Log:
    log = Log()
    log.run(1, STARTED, scheduled(1), events.TimerStarted(2, 50))
    return log


def held_by(how: str) -> Log:
    """A run with two open steps that goes on with something newer."""
    log = begun()
    if how == "version":
        log.run(4, events.ActivityCompleted(1, 1, b"1"), NEWER)
    else:
        log.damaged(4)
    return log


HOWS = pytest.mark.parametrize("how", ["version", "damaged"])


@HOWS
def test_the_run_is_shown_as_parked_with_the_reason(how: str) -> None:
    log = held_by(how)
    run = log.state.run("w")
    assert run is not None
    assert (run.status, run.held, run.closed) == (PARKED, True, False)
    assert run.failure is not None
    assert run.failure.type == HELD
    assert "after event 3" in run.failure.message
    assert ("TimerStarted in version 9" in run.failure.message) == (how == "version")
    assert list(log.state.attention.parked()) == ["w"]
    assert log.unreadable == ([] if how == "version" else [2])


@HOWS
def test_none_of_its_steps_goes_on_here(how: str) -> None:
    """An attempt or a timer would have an outcome that nobody could record."""
    log = held_by(how)
    assert log.rows(b"a/", b"w/", b"t/") == []
    assert [type(effect).__name__ for effect in log.effects] == ["ForgetActivity"]


@HOWS
def test_nothing_of_its_history_is_lost(how: str) -> None:
    """Whoever knows more reads all of it, also what came behind; and what is known of it stays as it was."""
    log = held_by(how)
    log.run(6, events.TimerFired(2), events.RunCompleted(b"1"), position=5)
    run = log.state.run("w")
    assert run is not None
    assert (run.next_event_id, run.closed) == (4, False)
    assert [key[35:43] for key in log.rows(b"h/")] == [b"00000001", b"00000004", b"00000006"]
    assert log.state.history.keys("w", RUN) == [history_key("w", RUN, first, 0) for first in (1, 4, 6)]
    assert log.reader.meta.commands_position == 5, "the positions of what is readable count"


@HOWS
def test_others_go_on(how: str) -> None:
    log = held_by(how)
    log.run(1, STARTED, run_id=OTHER, workflow_id="other")
    log.run(2, events.RunCompleted(b"1"), run_id=OTHER, workflow_id="other")
    run = log.state.run("other")
    assert run is not None
    assert run.status == "completed"


@HOWS
def test_nothing_can_be_emitted_on_it(how: str) -> None:
    log = held_by(how)
    run = log.state.run("w")
    assert run is not None
    with pytest.raises(RunIsClosed, match="open run"):
        Emitter(log.state, run, 99).emit(events.CancelRequested("r", "why"))


@HOWS
def test_it_is_retired_when_its_tombstones_come(how: str) -> None:
    log = held_by(how)
    log.run(6, events.RunCompleted(b"1"))
    for first in (1, 4, 6):
        log.add(history_key("w", RUN, first, 0), None)
    assert log.state.run("w") is None
    assert log.rows(b"h/", b"x/", b"r/", b"b/", b"u/", b"a/", b"t/") == []


@HOWS
def test_another_run_of_its_id_begins_when_it_has_ended_elsewhere(how: str) -> None:
    """Newer code has closed it in records that cannot be read here."""
    log = held_by(how)
    log.run(1, STARTED, run_id=OTHER)
    newest, held = log.state.run("w"), log.state.run_by_id("w", RUN)
    assert newest is not None
    assert held is not None
    assert (newest.run_id, newest.held, held.held) == (OTHER, False, True)
    assert list(log.state.attention.parked()) == []


def test_a_first_record_that_cannot_be_read_is_a_run_all_the_same() -> None:
    """A start that is repeated must find it: the old code forgot the run, and began it anew."""
    log = Log()
    log.damaged(1)
    log.run(2, events.ActivityCompleted(1, 1, b"1"))
    run = log.state.run("w")
    assert run is not None
    assert (run.run_id, run.held) == (RUN, True)
    assert len(log.rows(b"h/")) == 2
    assert not list(log.state.remnants.runs())


def test_a_first_event_of_a_newer_version_is_a_run_all_the_same() -> None:
    log = Log()
    log.run(1, msgspec.structs.replace(STARTED, version=9))
    run = log.state.run("w")
    assert run is not None
    assert (run.run_id, run.held, run.workflow, run.next_event_id) == (RUN, True, "pay", 1)
    assert log.rows(b"o/") == [], "nobody is told that it has begun: whoever wrote it has"


def test_what_a_zombie_wrote_stops_nothing() -> None:
    log = begun()
    log.claim()
    log.damaged(4, epoch=0)
    run = log.state.run("w")
    assert run is not None
    assert not run.held
    log.run(4, events.TimerFired(2))
    assert log.state.wait(RUN, 2) is None


def test_a_record_that_is_there_already_stops_nothing() -> None:
    log = begun()
    log.damaged(1)
    run = log.state.run("w")
    assert run is not None
    assert not run.held
    log.run(4, events.RunCompleted(b"1"))
    log.damaged(5)
    ended = log.state.run("w")
    assert ended is not None
    assert (ended.status, ended.held) == ("completed", False)


def test_a_claim_that_cannot_be_read_is_a_claim() -> None:
    """Its key says so: else the records behind it would look like a zombie's and be deleted."""
    log = begun()
    log.claim(GARBAGE)
    log.run(4, events.RunCompleted(b"1"))
    log.add(positions_key(log.epoch, 1), encode(Positions(log.epoch, 0, 7, 0, 0)))
    run = log.state.run("w")
    assert run is not None
    assert run.status == "completed"
    assert list(log.state.invalid.keys()) == []
    assert (log.reader.meta.epoch, log.reader.meta.commands_position) == (log.epoch, 7)


def test_any_other_record_that_cannot_be_read_changes_nothing() -> None:
    log = begun()
    before = dict(log.store.rows)
    for key in (b"", b"noise", positions_key(0, 1), b"w/" + b"x" * 32 + b"/1/0"):
        log.add(key, GARBAGE)
    assert log.store.rows == before
    assert log.unreadable == [2, 3, 4, 5]


@HOWS
def test_code_that_knows_more_builds_the_state_anew(how: str) -> None:
    """A store that older code has left is not believed once its runs can be read to their end."""
    log = held_by(how)
    log.run(6, events.CancelRequested("r", "why"))
    assert not can_go_on(log.state)
    with pytest.MonkeyPatch.context() as patch:
        if how == "version":
            patch.setitem(APPLIERS, (events.TimerStarted, 9), APPLIERS[events.TimerStarted, 1])
        else:
            readable = encode(History(0, 1, "w", RUN, 4, 0, 0, 0, (), False, (events.TimerFired(2),)))
            patch.setitem(log.store.rows, b"h/%b/00000004/0" % RUN.encode(), readable)
        assert can_go_on(log.state)
        patch.setattr(held, "decode", refuse)
        assert not can_go_on(log.state)
    assert not can_go_on(begun().state)


def refuse(value: bytes) -> None:
    raise UnreadableRecord("no")


def test_emitting_writes_the_newest_version_and_replay_obeys_the_one_on_the_wire() -> None:
    """A second version of an applier is an entry more: old records keep their meaning."""
    applied: list[str] = []
    log = Log()
    run = begun().state.run("w")
    assert run is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(APPLIERS, (events.CancelRequested, 1), lambda *args: applied.append("one"))
        patch.setitem(APPLIERS, (events.CancelRequested, 2), lambda *args: applied.append("two"))
        patch.setitem(NEWEST, events.CancelRequested, (2, APPLIERS[events.CancelRequested, 2]))
        emitter = Emitter(log.state, run, 99)
        emitter.emit(events.CancelRequested("r", "why"))
        assert emitter.events == [events.CancelRequested("r", "why", version=2)]
        assert emitter.replay([events.CancelRequested("r", "why")]) is None
        assert applied == ["two", "one"]


def test_events_are_in_their_newest_version_by_themselves() -> None:
    """Else every event that is emitted would be copied; a version of the wire's before that has its own schema."""
    assert set(NEWEST) == set(events.EVENTS)
    assert {kind for kind, _ in APPLIERS} == set(events.EVENTS)
    for kind, (version, applier) in NEWEST.items():
        assert APPLIERS[kind, version] is applier
