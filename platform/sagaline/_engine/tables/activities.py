"""Activities whose outcome is not recorded yet, by run and step."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sagaline._engine.changes import Changes, Effect
from sagaline._engine.tables.runs import RunRow
from sagaline._engine.tables.timers import SetTimer, Timers
from sagaline._model.events import ActivityScheduled
from sagaline._model.failure import Failure

PREFIX = b"a/"
_Name = tuple[str, int]
"""Run id and step."""


class Queued(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The task of an attempt has left for its queue. ``due_at``: when it is given up, 0 while that is open."""

    at: int
    started_at: int = 0
    worker: str = ""
    due_at: int = 0


class Watched(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an owner keeps of an activity that has limits, or of whose attempts it has heard; times as in history.
    ``details`` are those of the last heartbeat, also of an attempt before. ``awaited_until`` is positive when the
    attempt's code has ended, and its outcome comes from outside."""

    scheduled_at: int
    beat_at: int = 0
    details: bytes | None = None
    awaited_until: int = 0


class ActivityRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An activity whose outcome is not recorded yet. ``attempt`` is the one that runs or comes next, ``failure`` what
    the one before came to, in short: it is for people who look at the run."""

    workflow_id: str
    scheduled: ActivityScheduled
    attempt: int = 1
    retry_at: int = 0
    cancel_requested: bool = False
    failure: Failure | None = None
    asked_by: str = ""  # the run that asked for it, if that is another: one whose history this run has copied
    queued: Queued | None = None  # of an activity of a queue, unless its next attempt is not due yet
    parked_at: int = 0  # when it began to wait for a person; 0: it does not
    tried_before: int = 0  # attempts before a person had it attempted again: its retry policy counts from there

    watched: Watched | None = None

    @property
    def is_awaited(self) -> bool:
        """True when its outcome comes from outside: no code of it runs."""
        return self.watched is not None and self.watched.awaited_until > 0

    @property
    def began_waiting_at(self) -> int:
        """When the attempt that has not begun could have. Contract: it has limits."""
        if self.queued is not None:
            return self.queued.at
        return self.retry_at or (0 if self.watched is None else self.watched.scheduled_at)

    def deadlines(self) -> list[int]:
        """When its limits are exceeded, if nothing happens before."""
        watched, limits = self.watched, self.scheduled.limits
        if watched is None:
            return []
        due = [watched.awaited_until] if watched.awaited_until else []
        if limits is not None:
            if limits.total_timeout_ms:
                due.append(watched.scheduled_at + limits.total_timeout_ms)
            if limits.start_timeout_ms and not watched.beat_at:
                due.append(self.began_waiting_at + limits.start_timeout_ms)
            if limits.heartbeat_timeout_ms and watched.beat_at and (self.scheduled.queue or watched.awaited_until):
                due.append(watched.beat_at + limits.heartbeat_timeout_ms)  # no owner sees it end
        return due

    @property
    def due_at(self) -> int:
        """When there is something to do about it: the next attempt, or giving up the one that is queued. 0: never."""
        return self.retry_at if self.queued is None else self.queued.due_at

    def timers(self) -> tuple[int, ...]:
        """All times that it stands with in the index, each once."""
        due_at = self.due_at
        if self.watched is None:
            return (due_at,) if due_at else ()
        return tuple(dict.fromkeys((due_at, *self.deadlines()) if due_at else self.deadlines()))


class StartActivity(Effect, frozen=True, gc=False):
    """Run an attempt of an activity, now or at ``row.retry_at``."""

    run_id: str
    row: ActivityRow


class CancelActivity(Effect, frozen=True, gc=False):
    """Stop an attempt that may be running; its outcome is still reported."""

    run_id: str
    row: ActivityRow


class ForgetActivity(Effect, frozen=True, gc=False):
    """Stop an attempt whose run has ended; nobody hears its outcome."""

    run_id: str
    step: int


class HoldActivities(Effect, frozen=True, gc=False):
    """The run is paused: attempts that wait for a slot do not begin; those that run go on."""

    run_id: str


class StartActivities(Effect, frozen=True, gc=False):
    """The run is paused no more: its open activities are attempted, now or when they are due."""

    run_id: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ActivityRow).decode


def activity_key(run_id: str, step: int) -> bytes:
    """Key of an open activity."""
    return b"a/%b/%08x" % (run_id.encode(), step)


class Activities:
    """The newest rows are kept decoded: so many, of a kilobyte each.

    A row that is new is encoded when the writes are drained. One that has come and gone by then, as most do while
    history is read in batches, costs nothing: in memory rows are known by run id and step, and a key is made for those
    that are written.
    """

    def __init__(self, changes: Changes, timers: Timers, cached: int) -> None:
        self._changes, self._timers = changes, timers
        self.resize(cached)
        self._cache: dict[_Name, ActivityRow] = {}
        self._cache_bytes = 0
        self._new: dict[_Name, ActivityRow] = {}  # not written yet, and with nothing below

    def resize(self, cached: int) -> None:
        """Bounds how many are kept decoded."""
        self._cached, self._cached_bytes = cached, cached * 1_000

    # Reading

    def get(self, run_id: str, step: int) -> ActivityRow | None:
        """An activity whose outcome is not recorded yet."""
        name = (run_id, step)
        row = self._cache.get(name)
        if (
            row is None
            and (row := self._new.get(name)) is None
            and (data := self._changes.get(activity_key(run_id, step))) is not None
        ):
            row = _decode(data)
        return row

    def of(self, run_id: str) -> Iterator[StartActivity]:
        """The open activities of a run, by step."""
        self.write_new()
        for _, data in self._changes.scan(b"a/%b/" % run_id.encode()):
            yield StartActivity(run_id, _decode(data))

    def all(self) -> Iterator[StartActivity]:
        """Every open activity, by run id."""
        self.write_new()
        for key, data in self._changes.scan(PREFIX):
            yield StartActivity(key.split(b"/")[1].decode(), _decode(data))

    # Writing

    def put(self, run: RunRow, row: ActivityRow) -> None:
        """An activity is to be attempted, for the first time or again."""
        step = row.scheduled.step
        if row.attempt == 1:
            run.open_steps += 1
            name = (run.run_id, step)
            self._new[name] = self._cache[name] = row
            self._cache_bytes += len(row.scheduled.input)
            if len(self._cache) > self._cached or self._cache_bytes > self._cached_bytes:
                self._make_room()
        else:
            before = self.get(run.run_id, step)
            self._write((run.run_id, step), row)
            self._set_timers(run, row, before)
        if row.attempt == 1 and row.watched is not None:
            self._set_timers(run, row, None)
        self._changes.call_for(StartActivity(run.run_id, row))

    def change(self, run: RunRow, before: ActivityRow, row: ActivityRow) -> None:
        """An attempt stands otherwise: ``row`` comes in place of ``before``."""
        self._write((run.run_id, row.scheduled.step), row)
        self._set_timers(run, row, before)

    def _set_timers(self, run: RunRow, row: ActivityRow, before: ActivityRow | None) -> None:
        """Those of ``row`` in place of those of ``before``. One that both have stays: a timer's key is written once and
        deleted once."""
        step, old, new = row.scheduled.step, () if before is None else before.timers(), row.timers()
        for due_at in old:
            if due_at not in new:
                self._timers.drop(due_at, run.run_id, step)
        for due_at in new:
            if due_at not in old:
                self._timers.put(due_at, run.workflow_id, run.run_id, step)
                if due_at != row.retry_at:  # of that StartActivity tells
                    self._changes.call_for(SetTimer(due_at, run.workflow_id, run.run_id, step))

    def cancel(self, run: RunRow, row: ActivityRow) -> None:
        """An activity is to be stopped, and its outcome recorded all the same."""
        row = msgspec.structs.replace(row, cancel_requested=True)
        self._write((run.run_id, row.scheduled.step), row)
        self._changes.call_for(CancelActivity(run.run_id, row))

    def drop(self, run: RunRow, row: ActivityRow) -> None:
        """An activity's outcome is recorded."""
        run.open_steps -= 1
        self._drop(run, row)
        if row.watched is not None:  # its attempt may be running: it was stopped from outside
            self._changes.call_for(ForgetActivity(run.run_id, row.scheduled.step))

    def drop_all(self, run: RunRow) -> None:
        """Nobody waits for the run's activities any more. Its count of open steps is the caller's."""
        for activity in self.of(run.run_id):
            self._drop(run, activity.row)
            self._changes.call_for(ForgetActivity(run.run_id, activity.row.scheduled.step))

    def _drop(self, run: RunRow, row: ActivityRow) -> None:
        name = (run.run_id, row.scheduled.step)
        if self._new.pop(name, None) is None:
            self._changes.put(activity_key(*name), None)
        if (cached := self._cache.pop(name, None)) is not None:
            self._cache_bytes -= len(cached.scheduled.input)
        if row.retry_at or row.queued is not None or row.watched is not None:
            self._drop_timers(run, row)
        if row.parked_at:
            run.parked_steps -= 1

    def _drop_timers(self, run: RunRow, row: ActivityRow) -> None:
        for due_at in row.timers():
            self._timers.drop(due_at, run.run_id, row.scheduled.step)

    def write_new(self) -> None:
        """Writes the rows that are new."""
        if not self._new:
            return
        put = self._changes.put
        for (run_id, step), row in self._new.items():
            put(activity_key(run_id, step), _encode(row))
        self._new.clear()

    def _write(self, name: _Name, row: ActivityRow) -> None:
        if name in self._new:
            self._new[name] = row
        else:
            self._changes.put(activity_key(*name), _encode(row))
        self._forget(name)
        self._remember(name, row)

    def _remember(self, name: _Name, row: ActivityRow) -> None:
        """Keeps a row that is not in the cache, or no longer."""
        self._cache[name] = row
        self._cache_bytes += len(row.scheduled.input)
        self._make_room()

    def _make_room(self) -> None:
        cache = self._cache
        while cache and (len(cache) > self._cached or self._cache_bytes > self._cached_bytes):
            self._forget(next(iter(cache)))

    def _forget(self, name: _Name) -> None:
        row = self._cache.pop(name, None)
        if row is not None:
            self._cache_bytes -= len(row.scheduled.input)
