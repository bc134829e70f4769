"""The state of one partition: a reading side for ``decide``, a writing side for ``apply``.

Deciding is given a :class:`ReadState` only, so that a decision that writes is a type error.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec

from sagaline._engine import rows
from sagaline._engine.effects import (
    CancelActivity,
    CloseRun,
    CoverPositions,
    Effect,
    ForgetActivity,
    Publish,
    SetTimer,
    StartActivity,
)
from sagaline._engine.outbox import OutboxKeys, stored_messages
from sagaline._engine.overlay import Overlay, Writes
from sagaline._engine.rows import ActivityRow, OutboxRow, RefusalRow, RefusalsRow, RemnantRow, RunRow
from sagaline._model.codec import decode
from sagaline._model.keys import HistoryKey, NumberedKey, history_key, parse_key
from sagaline._model.records import History, Refusal

_encode = msgspec.msgpack.Encoder().encode
_decode_run = msgspec.msgpack.Decoder(RunRow).decode
_decode_activity = msgspec.msgpack.Decoder(ActivityRow).decode
_decode_refusal = msgspec.msgpack.Decoder(RefusalRow).decode
_decode_refusals = msgspec.msgpack.Decoder(RefusalsRow).decode
_decode_remnant = msgspec.msgpack.Decoder(RemnantRow).decode
_CACHED_RESULT_BYTES = 4_096
_NUMBERED = {"refusals": rows.REFUSALS_PREFIX, "positions": rows.POSITIONS_PREFIX}


class ReadState(Protocol):
    """What deciding may look at."""

    def run(self, workflow_id: str) -> RunRow | None:
        """The newest run of a workflow id. Contract: the caller does not change it."""
        ...

    def activity(self, run_id: str, step: int) -> ActivityRow | None:
        """An activity whose outcome is not recorded yet."""
        ...

    def wait(self, run_id: str, step: int) -> int | None:
        """Due time of a timer that has not fired, in milliseconds since 1970."""
        ...

    def refusal(self, request_id: str) -> Refusal | None:
        """The recorded refusal of a request."""
        ...


class WriteState(ReadState, Protocol):
    """What applying an event may change. Each verb writes rows and notes the effects they call for."""

    def put_run(self, run: RunRow) -> None:
        """A run is new or has changed."""
        ...

    def close_run(self, run: RunRow) -> None:
        """A run has ended: whatever it still waited for is dropped."""
        ...

    def put_activity(self, run: RunRow, row: ActivityRow) -> None:
        """An activity is to be attempted."""
        ...

    def cancel_activity(self, run: RunRow, row: ActivityRow) -> None:
        """An activity is to be stopped, and its outcome recorded all the same."""
        ...

    def drop_activity(self, run: RunRow, row: ActivityRow) -> None:
        """An activity's outcome is recorded."""
        ...

    def put_wait(self, run: RunRow, step: int, due_at: int) -> None:
        """A timer runs."""
        ...

    def drop_wait(self, run: RunRow, step: int) -> None:
        """A timer has fired or was cancelled."""
        ...

    def send(self, row: OutboxRow) -> None:
        """A message is to leave."""
        ...


class Placed(NamedTuple):
    """Rows of a record that depend on its offset, which is known when it is acknowledged."""

    sends: list[OutboxRow]
    closed: list[RunRow]


class State:
    """Both sides over some rows; collects the writes and effects of the record that is being applied."""

    def __init__(self, overlay: Overlay, meta: rows.Meta, cached_runs: int = 10_000) -> None:
        self._rows = overlay
        self.resize(cached_runs)
        self._runs: OrderedDict[str, RunRow] = OrderedDict()
        self._activities: dict[bytes, ActivityRow] = {}
        self._activity_bytes = 0
        self._dirty: dict[str, RunRow] = {}
        self._writes: Writes = []
        self._effects: list[Effect] = []
        self._sends: list[OutboxRow] = []
        self._closed: list[RunRow] = []
        self._closed_names: set[str] = set()
        self._outbox = OutboxKeys(overlay)
        self.released = meta.released

    def resize(self, cached_runs: int) -> None:
        """Bounds what is kept decoded: so many runs, and so many activities of a kilobyte each."""
        self._cached_runs, self._cached_bytes = cached_runs, cached_runs * 1_000

    # Reading

    def run(self, workflow_id: str) -> RunRow | None:
        found = self._runs.get(workflow_id) or self._dirty.get(workflow_id)
        if found is None:
            data = self._rows.get(rows.run_key(workflow_id))
            if data is None:
                return None
            found = _decode_run(data)
            self._remember(found)
        return found

    def activity(self, run_id: str, step: int) -> ActivityRow | None:
        key = rows.activity_key(run_id, step)
        found = self._activities.get(key)
        if found is None:
            data = self._rows.get(key)
            if data is None:
                return None
            found = _decode_activity(data)
        return found

    def wait(self, run_id: str, step: int) -> int | None:
        data = self._rows.get(rows.wait_key(run_id, step))
        return None if data is None else int(data, 16)

    def refusal(self, request_id: str) -> Refusal | None:
        data = self._rows.get(rows.refusal_key(request_id))
        return None if data is None else _decode_refusal(data).refusal

    # Writing

    def _write(self, key: bytes, value: bytes | None) -> None:
        self._rows.put(key, value)
        self._writes.append((key, value))

    def put_run(self, run: RunRow) -> None:
        self._dirty[run.workflow_id] = run
        unfinished = not run.closed and (run.more or run.status == "parked")
        if unfinished != run.unfinished:
            run.unfinished = unfinished
            self._write(rows.unfinished_key(run.workflow_id), b"" if unfinished else None)

    def close_run(self, run: RunRow) -> None:
        self._drop_steps(run)
        self.put_run(run)
        self._closed.append(run)
        self._effects.append(CloseRun(run.workflow_id, run.run_id))

    def _drop_steps(self, run: RunRow) -> None:
        if run.open_steps:
            for key, data in self._rows.scan(rows.activity_key(run.run_id, 0)[:-8]):
                row = _decode_activity(data)
                self._write(key, None)
                self._forget_activity(key)
                self._drop_retry(run, row)
                self._effects.append(ForgetActivity(run.run_id, row.scheduled.step))
            for key, data in self._rows.scan(rows.wait_key(run.run_id, 0)[:-8]):
                self._write(key, None)
                self._write(rows.timer_key(int(data, 16), run.run_id, int(key[-8:], 16)), None)
            run.open_steps = 0

    def put_activity(self, run: RunRow, row: ActivityRow) -> None:
        step = row.scheduled.step
        if row.attempt == 1:
            run.open_steps += 1
        elif (before := self.activity(run.run_id, step)) is not None:
            self._drop_retry(run, before)
        self._write_activity(rows.activity_key(run.run_id, step), row)
        if row.retry_at:
            self._write(rows.timer_key(row.retry_at, run.run_id, step), run.workflow_id.encode())
        self._effects.append(StartActivity(run.run_id, row))

    def cancel_activity(self, run: RunRow, row: ActivityRow) -> None:
        self._write_activity(rows.activity_key(run.run_id, row.scheduled.step), row)
        self._effects.append(CancelActivity(run.run_id, row))

    def drop_activity(self, run: RunRow, row: ActivityRow) -> None:
        run.open_steps -= 1
        key = rows.activity_key(run.run_id, row.scheduled.step)
        self._write(key, None)
        self._forget_activity(key)
        self._drop_retry(run, row)

    def _write_activity(self, key: bytes, row: ActivityRow) -> None:
        self._write(key, _encode(row))
        self._forget_activity(key)
        self._activities[key] = row
        self._activity_bytes += len(row.scheduled.input)
        while self._activities and (
            len(self._activities) > self._cached_runs or self._activity_bytes > self._cached_bytes
        ):
            self._forget_activity(next(iter(self._activities)))

    def _forget_activity(self, key: bytes) -> None:
        row = self._activities.pop(key, None)
        if row is not None:
            self._activity_bytes -= len(row.scheduled.input)

    def _drop_retry(self, run: RunRow, row: ActivityRow) -> None:
        if row.retry_at:
            self._write(rows.timer_key(row.retry_at, run.run_id, row.scheduled.step), None)

    def put_wait(self, run: RunRow, step: int, due_at: int) -> None:
        run.open_steps += 1
        self._write(rows.wait_key(run.run_id, step), b"%x" % due_at)
        self._write(rows.timer_key(due_at, run.run_id, step), run.workflow_id.encode())
        self._effects.append(SetTimer(due_at, run.workflow_id, run.run_id, step))

    def drop_wait(self, run: RunRow, step: int) -> None:
        due_at = self.wait(run.run_id, step)
        if due_at is None:
            return
        run.open_steps -= 1
        self._write(rows.wait_key(run.run_id, step), None)
        self._write(rows.timer_key(due_at, run.run_id, step), None)

    def send(self, row: OutboxRow) -> None:
        self._sends.append(row)

    def put_history(self, run_id: str, first_event_id: int, value: bytes) -> None:
        """Keeps a history record for replay."""
        self._write(rows.history_row_key(run_id, first_event_id), value)

    def release(self, released: int) -> None:
        """Messages of records below ``released`` have left: their rows go."""
        for key in self._outbox.below(released):
            self._write(key, None)
        self.released = max(self.released, released)

    # Records that are no activation

    def put_refusals(self, epoch: int, number: int, at: int, refusals: Sequence[Refusal]) -> None:
        """A record of refusals."""
        for refusal in refusals:
            self._write(rows.refusal_key(refusal.request_id), _encode(RefusalRow(epoch, number, refusal)))
        row = RefusalsRow(at, [refusal.request_id for refusal in refusals])
        self._write(rows.numbered_key(rows.REFUSALS_PREFIX, epoch, number), _encode(row))

    def put_positions(self, epoch: int, number: int) -> None:
        """A record of positions."""
        self._write(rows.numbered_key(rows.POSITIONS_PREFIX, epoch, number), b"")
        self._effects.append(CoverPositions(epoch, number))

    def put_invalid(self, key: bytes) -> None:
        """A record that is not valid: it is to have its tombstone. A key with a valid copy never gets one."""
        if not self._is_valid(parse_key(key)):
            self._write(rows.invalid_key(key), b"")

    def _is_valid(self, key: HistoryKey | NumberedKey | None) -> bool:
        if isinstance(key, HistoryKey):
            value = self._rows.get(rows.history_row_key(key.run_id, key.first_event_id))
            return value is not None and _epoch_of(value) == key.epoch
        if isinstance(key, NumberedKey):
            return self._rows.get(rows.numbered_key(_NUMBERED[key.kind], key.epoch, key.number)) is not None
        return True  # not ours to remove

    # Tombstones

    def drop_invalid(self, key: bytes) -> None:
        """An invalid record has its tombstone."""
        if self._rows.get(rows.invalid_key(key)) is not None:
            self._write(rows.invalid_key(key), None)

    def drop_numbered(self, key: NumberedKey) -> None:
        """A record of positions or refusals has its tombstone."""
        found = rows.numbered_key(_NUMBERED[key.kind], key.epoch, key.number)
        data = self._rows.get(found)
        if data is None:
            return
        self._write(found, None)
        if data:
            for request_id in _decode_refusals(data).request_ids:
                self._drop_refusal(rows.refusal_key(request_id), key)

    def _drop_refusal(self, row_key: bytes, record: NumberedKey) -> None:
        """Drops the row unless a later record refuses the same request."""
        data = self._rows.get(row_key)
        if data is not None:
            found = _decode_refusal(data)
            if (found.epoch, found.number) == (record.epoch, record.number):
                self._write(row_key, None)

    def drop_record(self, key: HistoryKey) -> None:
        """A record of a run has its tombstone: with the first one the run is gone, the others are remnants."""
        found = rows.history_row_key(key.run_id, key.first_event_id)
        value = self._rows.get(found)
        if value is None or _epoch_of(value) != key.epoch:
            return
        self._write(found, None)
        remnant = self._remnant(key.run_id)
        if remnant is not None:
            left = remnant.left - 1
        else:
            run = self.run(key.workflow_id)
            if run is not None and run.run_id == key.run_id:
                self._remove(run)
            left = sum(1 for _ in self._rows.scan(rows.history_prefix(key.run_id)))
        self._put_remnant(key.run_id, key.workflow_id, left)

    def put_remnant(self, record: History, value: bytes) -> None:
        """A record of a run whose beginning is gone."""
        key = rows.history_row_key(record.run_id, record.first_event_id)
        if self._rows.get(key) is None:
            self._write(key, value)
            remnant = self._remnant(record.run_id)
            self._put_remnant(record.run_id, record.workflow_id, 1 if remnant is None else remnant.left + 1)

    def _remnant(self, run_id: str) -> RemnantRow | None:
        data = self._rows.get(rows.remnant_key(run_id))
        return None if data is None else _decode_remnant(data)

    def _put_remnant(self, run_id: str, workflow_id: str, left: int) -> None:
        key = rows.remnant_key(run_id)
        if left:
            self._write(key, _encode(RemnantRow(workflow_id, left)))
        elif self._rows.get(key) is not None:
            self._write(key, None)

    def _remove(self, run: RunRow) -> None:
        self._drop_steps(run)
        if run.unfinished:
            self._write(rows.unfinished_key(run.workflow_id), None)
        if run.closed_at is not None:
            self._write(rows.closed_key(run.workflow, run.closed_at, run.workflow_id), None)
        self._write(rows.run_key(run.workflow_id), None)
        self._dirty.pop(run.workflow_id, None)
        self._runs.pop(run.workflow_id, None)

    # The record's sum

    def take_writes(self) -> Writes:
        """The rows that have changed since the last call, in order; None as a value deletes."""
        for run in self._dirty.values():
            self._write(rows.run_key(run.workflow_id), _encode(run))
            self._remember(run)
        self._dirty.clear()
        writes, self._writes = self._writes, []
        return writes

    def call_for(self, effect: Effect) -> None:
        """An effect that no change of the state calls for."""
        self._effects.append(effect)

    def take_effects(self) -> list[Effect]:
        """The effects that those changes call for."""
        effects, self._effects = self._effects, []
        return effects

    def take_placed(self) -> Placed | None:
        """What waits for the record's offset."""
        if not self._sends and not self._closed:
            return None
        placed = Placed(self._sends, self._closed)
        self._sends, self._closed = [], []
        return placed

    def place(self, offset: int, placed: Placed) -> tuple[Writes, list[Publish]]:
        """The rows of a record that stands at ``offset``, and the messages that may leave now."""
        writes: Writes = []
        messages: list[Publish] = []
        for number, row in enumerate(placed.sends):
            key = rows.outbox_key(offset, number)
            writes.append((key, _encode(row)))
            self._outbox.add(offset, key)
            messages.append(Publish((offset, number), row))
        for run in placed.closed:
            assert run.closed_at is not None
            writes.append((rows.closed_key(run.workflow, run.closed_at, run.workflow_id), b"%x" % offset))
            if run.workflow not in self._closed_names:
                self._closed_names.add(run.workflow)
                writes.append((rows.CLOSED_NAMES_PREFIX + run.workflow.encode(), b""))
        return writes, messages

    def write_placed(self, offset: int) -> None:
        """The same where the offset is known at once: reading history."""
        placed = self.take_placed()
        if placed is not None:
            for key, value in self.place(offset, placed)[0]:
                self._write(key, value)

    def _remember(self, run: RunRow) -> None:
        if run.result is not None and len(run.result) > _CACHED_RESULT_BYTES:
            self._runs.pop(run.workflow_id, None)
            return
        self._runs[run.workflow_id] = run
        while len(self._runs) > self._cached_runs:
            self._runs.popitem(last=False)

    # Whole partition

    def open_activities(self) -> Iterator[StartActivity]:
        """Every activity whose outcome is not recorded, by run id."""
        for key, data in self._rows.scan(rows.ACTIVITY_PREFIX):
            yield StartActivity(key.split(b"/")[1].decode(), _decode_activity(data))

    def open_steps(self, run: RunRow) -> Iterator[StartActivity | SetTimer]:
        """What a run waits for: attempts of activities, and timers of its code."""
        for _, data in self._rows.scan(rows.activity_key(run.run_id, 0)[:-8]):
            yield StartActivity(run.run_id, _decode_activity(data))
        for key, data in self._rows.scan(rows.wait_key(run.run_id, 0)[:-8]):
            yield SetTimer(int(data, 16), run.workflow_id, run.run_id, int(key[-8:], 16))

    def timers(self, after: bytes) -> Iterator[tuple[bytes, SetTimer]]:
        """Every timer, of workflow code and of a retry, behind a key, earliest first."""
        for key, value in self._rows.scan(rows.TIMER_PREFIX, after):
            due_at, run_id, step = rows.timer_of(key)
            yield key, SetTimer(due_at, value.decode(), run_id, step)

    def messages(self, after: tuple[int, int] | None = None) -> Iterator[Publish]:
        """Every message that is not known to have left, in order; with ``after``, those behind."""
        return stored_messages(self._rows, after)

    def oldest_message(self) -> int | None:
        """Offset of the record of the oldest message whose row is still there."""
        return self._outbox.oldest

    def unfinished(self) -> Iterator[RunRow]:
        """Open runs that wait for an owner's attention: parked, or with an activation that is not all written."""
        for key, _ in self._rows.scan(rows.UNFINISHED_PREFIX):
            run = self.run(key[2:].decode())
            assert run is not None, "an index row without its run"
            yield run

    def history(self, run_id: str) -> list[bytes]:
        """The run's history records, in order."""
        return [value for _, value in self._rows.scan(rows.history_prefix(run_id))]

    def history_pages(self, run_id: str, after: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The run's history records with the keys of their rows, in order; with ``after``, those behind."""
        return self._rows.scan(rows.history_prefix(run_id), after)

    def runs(self, after: bytes) -> Iterator[tuple[bytes, RunRow]]:
        """Every run with the key of its row, lazily; with ``after``, those behind it."""
        for key, data in self._rows.scan(rows.RUN_PREFIX, after):
            yield key, _decode_run(data)

    # What retention needs

    def closed_runs(self, workflow: str) -> Iterator[tuple[int, str, int]]:
        """Closing time, workflow id and offset of the last record of closed runs, the oldest first."""
        for key, value in self._rows.scan(rows.closed_prefix(workflow)):
            _, closed_at, workflow_id = rows.closed_of(key)
            yield closed_at, workflow_id, int(value, 16)

    def closed_workflows(self) -> list[str]:
        """Names of the workflows that may have closed runs."""
        prefix = rows.CLOSED_NAMES_PREFIX
        return [key[len(prefix) :].decode() for key, _ in self._rows.scan(prefix)]

    def record_keys(self, workflow_id: str, run_id: str) -> list[bytes]:
        """Keys of a run's records on the history topic, from the first to the last."""
        return [
            history_key(workflow_id, run_id, int(key[-8:], 16), _epoch_of(value))
            for key, value in self._rows.scan(rows.history_prefix(run_id))
        ]

    def positions_records(self) -> list[tuple[int, int]]:
        """Epoch and number of every record of positions, in order."""
        return [rows.numbered_of(key) for key, _ in self._rows.scan(rows.POSITIONS_PREFIX)]

    def refusals_records(self) -> Iterator[tuple[int, int, int]]:
        """Time, epoch and number of every record of refusals, in order."""
        for key, data in self._rows.scan(rows.REFUSALS_PREFIX):
            yield (_decode_refusals(data).at, *rows.numbered_of(key))

    def invalid_records(self) -> list[bytes]:
        """Keys of records that are to have their tombstones for being invalid."""
        return [key[len(rows.INVALID_PREFIX) :] for key, _ in self._rows.scan(rows.INVALID_PREFIX)]

    def remnants(self) -> list[tuple[str, str]]:
        """Workflow id and run id of runs that are retired in part."""
        return [
            (_decode_remnant(data).workflow_id, key[len(rows.REMNANT_PREFIX) :].decode())
            for key, data in self._rows.scan(rows.REMNANT_PREFIX)
        ]


def _epoch_of(value: bytes) -> int:
    record = decode(value)
    assert isinstance(record, History), "only history is kept for replay"
    return record.epoch
