"""Runs: the newest of each workflow id, and earlier ones until they are retired.

A workflow id has at most one open run, its newest. When another begins over a closed one, that one's row moves to
those of earlier runs: a request that started it is still answered with it. When the newest is retired before an
earlier one, that one is the newest again: which run that is must follow from what is not retired alone, for a reader
of a compacted log may never have seen the others. Runs of an id begin one after the other, each later than what the
one before it has done.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from sagaline._engine.changes import Changes
from sagaline._engine.tables.attention import CUT_OFF, Attention
from sagaline._engine.tables.run_view import RunView
from sagaline._model.descriptions import SagaCounts
from sagaline._model.failure import Failure
from sagaline._model.forks import Fork
from sagaline._model.lives import LedgerReported
from sagaline._model.outcomes import Tally
from sagaline._model.records import PARKED
from sagaline._model.undos import UndoRequested

__all__ = ["RunRow", "RunView", "Runs", "past_key", "past_prefix", "run_key"]
PREFIX, PAST_PREFIX = b"r/", b"b/"
_CACHED_RESULT_BYTES = 4_096


class RunRow(msgspec.Struct, array_like=True, gc=False):
    """A run as it stands, in milliseconds since 1970. Only emitting and appliers write it.

    ``more``: the last activation is not all written. ``ended_by``: the request that terminated or replaced it.
    ``held``: its history goes on in a way that this code does not know, so nothing is decided on it
    (docs/decisions/0015).
    """

    workflow_id: str
    run_id: str
    workflow: str
    request_id: str
    reply_to: str
    reply_partition: int
    reply_when: str
    started_at: int
    last_at: int
    status: str
    next_event_id: int = 1
    open_steps: int = 0
    cancel_requested: bool = False
    more: bool = False
    waits_for_owner: str = ""  # which of the indices of runs for an owner's attention it is in
    closed_at: int | None = None
    result: bytes | None = None
    failure: Failure | None = None
    parked_at: int | None = None
    ended_by: str = ""
    held: bool = False
    patches: dict[str, bool] | None = None  # those that the run has, and whether each is deprecated
    signals_received: int = 0
    signals_waiting: int = 0  # of them, those that the code has not begun to handle
    updates_received: int = 0
    updates_open: int = 0  # of them, those whose handlers are at work
    signal_bytes: int = 0  # of the arguments of those that wait
    continued_from: str = ""
    continued_to: str = ""
    first_run_id: str = ""  # of the runs that went on one as the other; "" for a run that is the first
    inherits: tuple[str, ...] = ()  # runs before it whose signals wait to be received by it, in that order
    parent_id: str = ""
    parent_run_id: str = ""
    parent_step: int = 0
    deadline: int = 0  # of all the runs that go on one as the other; 0 is none
    signals_left: dict[str, int] | None = None  # of an ended run: signals that waited then, the first names
    paused_at: int | None = None
    pause_reason: str = ""
    paused_by: str = ""
    commands_received: bool = False  # to cancel, terminate, pause, resume or retry it
    fork: Fork | None = None  # of a run that a reset has begun
    redelivers: int = 0  # events that the run which was reset had later, and that this one has yet to receive
    wills: int = 0  # signals that are sent when it has ended
    parked_steps: int = 0  # of its open steps, those that wait for a person
    tally: Tally | None = None  # of a run whose outcomes are told
    wants_ledger: bool = False  # its parent does
    reported: LedgerReported | None = None  # its ledger, until its parent is told of its end
    saga: SagaCounts | None = None  # once a step of its saga has ended
    undo: UndoRequested | None = None  # of a run whose code is the platform's by now
    kept_ms: int = 0  # on top of what every closed run is kept

    @property
    def closed(self) -> bool:
        """True once a terminal event is applied; nothing follows it."""
        return self.closed_at is not None

    @property
    def standing(self) -> str:
        """Its status for who looks at it: a run with a step that waits for a person is parked too."""
        return PARKED if self.parked_steps and self.closed_at is None else self.status

    @property
    def rests(self) -> bool:
        """True while its code is given nothing: parked or paused."""
        return self.status == PARKED or self.paused_at is not None

    @property
    def is_pending(self) -> bool:
        """True of a run that another goes on as, until its own first record: its owner writes that before all else."""
        if self.next_event_id != 1 or self.closed_at is not None:
            return False
        return bool(self.continued_from) or self.fork is not None

    @property
    def copies(self) -> bool:
        """True of a fork until all of its copied events are on record: none of them counts before."""
        return self.fork is not None and self.next_event_id <= self.fork.event_id

    @property
    def is_unfinished(self) -> bool:
        """True until it has begun, and has all that it takes over from another run: both come before any input."""
        if self.closed_at is not None or (self.next_event_id != 1 and self.fork is None and not self.inherits):
            return False
        return (
            bool(self.inherits) or self.is_pending or (self.fork is not None and (self.redelivers > 0 or self.copies))
        )

    def receive_again(self) -> None:
        """An event has come that may be one of those which this run has yet to receive."""
        if self.redelivers:
            self.redelivers -= 1

    @property
    def stands_for(self) -> str:
        """The run in which its next event happened, if that is copied: ids and keys are made of it. "" for its own."""
        return "" if self.fork is None else self.fork.run_at(self.next_event_id)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(RunRow).decode


def run_key(workflow_id: str) -> bytes:
    """Key of the newest run of a workflow id."""
    return PREFIX + workflow_id.encode()


def past_prefix(workflow_id: str) -> bytes:
    """Prefix of the earlier runs of a workflow id, and of those of ids that begin with it and a null byte."""
    return PAST_PREFIX + workflow_id.encode() + b"\0"


def past_key(workflow_id: str, run_id: str) -> bytes:
    """Key of an earlier run."""
    return past_prefix(workflow_id) + run_id.encode()


class Runs:
    """Rows that change within a record are encoded once, when its writes are drained."""

    def __init__(self, changes: Changes, attention: Attention, cached: int) -> None:
        self._changes, self._attention, self._cached = changes, attention, cached
        self._cache: OrderedDict[str, RunRow] = OrderedDict()
        self._dirty: dict[str, RunRow] = {}
        self._without_run: str | None = None
        """The workflow id that was looked up last in vain: one that is about to start is looked up several times."""

    def resize(self, cached: int) -> None:
        """Bounds how many are kept decoded."""
        self._cached = cached

    # Reading

    def newest(self, workflow_id: str) -> RunRow | None:
        """The newest run of a workflow id."""
        run = self._cache.get(workflow_id)
        if run is None and (run := self._dirty.get(workflow_id)) is None and workflow_id != self._without_run:
            data = self._changes.get(run_key(workflow_id))
            if data is None:
                if self._cached:
                    self._without_run = workflow_id
                return None
            run = _decode(data)
            self._remember(run)
        return run

    def by_id(self, workflow_id: str, run_id: str) -> RunRow | None:
        """A run of a workflow id, the newest or an earlier one."""
        run = self.newest(workflow_id)
        if run is None or run.run_id == run_id:
            return run  # when there is no newest, there is no earlier one
        return self.past(workflow_id, run_id)

    def past(self, workflow_id: str, run_id: str) -> RunRow | None:
        """An earlier run of a workflow id."""
        data = self._changes.get(past_key(workflow_id, run_id))
        return None if data is None else _decode(data)

    def newest_of_all(self, after: bytes = b"") -> Iterator[tuple[bytes, RunRow]]:
        """The newest run of each workflow id with the key of its row, in order, lazily; those behind ``after``."""
        for key, data in self._changes.scan(PREFIX, after):
            yield key, _decode(data)

    def all(self, after: bytes = b"") -> Iterator[tuple[bytes, RunRow]]:
        """Every run with the key of its row, earlier ones first, lazily; with ``after``, those behind it."""
        for prefix in (PAST_PREFIX, PREFIX):
            for key, data in self._changes.scan(prefix, after):
                yield key, _decode(data)

    def cut_off(self) -> Iterator[RunRow]:
        """Open runs with an activation that is not all written."""
        for workflow_id in self._attention.cut_off():
            run = self.newest(workflow_id)
            if run is None:
                raise ValueError(f"Expected a run of {workflow_id!r} but the index of attention alone has one")
            yield run

    # Writing

    def begin(self, run: RunRow) -> None:
        """A run begins; the closed one that was the newest of its id is an earlier one from now on."""
        before = self.newest(run.workflow_id)
        if before is not None and before.run_id != run.run_id:
            self._set_attention(before, "")
            self.put_past(before)
            self._forget(run.workflow_id)
        elif before is not None and before is not run:  # a row that was there before its first record
            run.waits_for_owner = before.waits_for_owner
            self._forget(run.workflow_id)
        self._dirty[run.workflow_id] = run
        if run.is_pending:
            self._set_attention(run, CUT_OFF)
        self._without_run = None

    def put(self, run: RunRow) -> None:
        """The newest run of an id has changed."""
        self._dirty[run.workflow_id] = run
        attention = ""
        if run.closed_at is None:
            if run.more or run.inherits or (run.fork is not None and run.is_unfinished):
                attention = CUT_OFF
            elif run.status == PARKED or run.parked_steps:
                attention = PARKED
        if attention != run.waits_for_owner:
            self._set_attention(run, attention)

    def put_past(self, run: RunRow) -> None:
        """An earlier run has changed."""
        self._changes.put(past_key(run.workflow_id, run.run_id), _encode(run))

    def remove(self, run: RunRow) -> None:
        """The run is retired."""
        self._set_attention(run, "")
        newest = self.newest(run.workflow_id)
        if newest is not None and newest.run_id == run.run_id:
            self._changes.put(run_key(run.workflow_id), None)
            self._forget(run.workflow_id)
            self._promote(run.workflow_id)
        else:
            self._changes.put(past_key(run.workflow_id, run.run_id), None)

    def _promote(self, workflow_id: str) -> None:
        """The latest of the earlier runs, if there is one, is the newest from now on."""
        rows = (_decode(data) for _, data in self._changes.scan(past_prefix(workflow_id)))
        earlier = [run for run in rows if run.workflow_id == workflow_id]
        if earlier:
            latest = max(earlier, key=lambda run: (run.started_at, run.run_id))
            self._changes.put(past_key(workflow_id, latest.run_id), None)
            self._dirty[workflow_id] = latest

    def write_changed(self) -> None:
        """Writes the rows that have changed."""
        put, cache = self._changes.put, self._cache
        for workflow_id, run in self._dirty.items():
            put(PREFIX + workflow_id.encode(), _encode(run))
            if cache.get(workflow_id) is not run or run.result is not None:
                self._remember(run)
        self._dirty.clear()

    def _set_attention(self, run: RunRow, kind: str) -> None:
        if kind != run.waits_for_owner:
            self._attention.move(run.workflow_id, run.waits_for_owner, kind)
            run.waits_for_owner = kind

    def _forget(self, workflow_id: str) -> None:
        self._dirty.pop(workflow_id, None)
        self._cache.pop(workflow_id, None)

    def _remember(self, run: RunRow) -> None:
        if run.result is not None and len(run.result) > _CACHED_RESULT_BYTES:
            self._cache.pop(run.workflow_id, None)
            return
        self._cache[run.workflow_id] = run
        while len(self._cache) > self._cached:
            self._cache.popitem(last=False)
