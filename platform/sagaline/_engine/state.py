"""The state of one partition: a reading side for ``decide``, a writing side for ``apply``.

Deciding is given a :class:`ReadState` only, so that a decision that writes is a type error.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Protocol

import msgspec

from sagaline._engine import rows
from sagaline._engine.effects import CancelActivity, CloseRun, Effect, ForgetActivity, Publish, SetTimer, StartActivity
from sagaline._engine.overlay import Overlay, Writes
from sagaline._engine.rows import ActivityRow, OutboxRow, RunRow
from sagaline._model.records import Refusal

_encode = msgspec.msgpack.Encoder().encode
_decode_run = msgspec.msgpack.Decoder(RunRow).decode
_decode_activity = msgspec.msgpack.Decoder(ActivityRow).decode
_decode_outbox = msgspec.msgpack.Decoder(OutboxRow).decode
_decode_refusal = msgspec.msgpack.Decoder(Refusal).decode


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

    def put_refusal(self, refusal: Refusal) -> None:
        """A request was refused."""
        ...


class State:
    """Both sides over some rows; collects the writes and effects of the record that is being applied."""

    def __init__(self, overlay: Overlay, meta: rows.Meta, cached_runs: int = 10_000) -> None:
        self._rows = overlay
        self._cached_runs = cached_runs
        self._runs: OrderedDict[str, RunRow] = OrderedDict()
        self._activities: dict[bytes, ActivityRow] = {}
        self._dirty: dict[str, RunRow] = {}
        self._writes: Writes = []
        self._effects: list[Effect] = []
        self.next_outbox = meta.next_outbox
        self.released = meta.released

    # Reading

    def run(self, workflow_id: str) -> RunRow | None:
        found = self._runs.get(workflow_id)
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
        return None if data is None else _decode_refusal(data)

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
        if run.open_steps:
            for key, data in self._rows.scan(rows.activity_key(run.run_id, 0)[:-8]):
                row = _decode_activity(data)
                self._write(key, None)
                self._activities.pop(key, None)
                self._drop_retry(run, row)
                self._effects.append(ForgetActivity(run.run_id, row.scheduled.step))
            for key, data in self._rows.scan(rows.wait_key(run.run_id, 0)[:-8]):
                self._write(key, None)
                self._write(rows.timer_key(int(data, 16), run.run_id, int(key[-8:], 16)), None)
            run.open_steps = 0
        self.put_run(run)
        self._effects.append(CloseRun(run.workflow_id, run.run_id))

    def put_activity(self, run: RunRow, row: ActivityRow) -> None:
        step = row.scheduled.step
        if row.attempt == 1:
            run.open_steps += 1
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
        self._activities.pop(key, None)
        self._drop_retry(run, row)

    def _write_activity(self, key: bytes, row: ActivityRow) -> None:
        self._write(key, _encode(row))
        self._activities[key] = row
        if len(self._activities) > self._cached_runs:
            del self._activities[next(iter(self._activities))]

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
        number, self.next_outbox = self.next_outbox, self.next_outbox + 1
        self._write(rows.outbox_key(number), _encode(row))
        self._effects.append(Publish(number, row))

    def put_refusal(self, refusal: Refusal) -> None:
        self._write(rows.refusal_key(refusal.request_id), _encode(refusal))

    def put_history(self, run_id: str, first_event_id: int, value: bytes) -> None:
        """Keeps a history record for replay."""
        self._write(rows.history_row_key(run_id, first_event_id), value)

    def release(self, released: int) -> None:
        """Outbox entries up to ``released`` have been published: their rows go."""
        for number in range(self.released + 1, released + 1):
            self._write(rows.outbox_key(number), None)
        self.released = max(self.released, released)

    # The record's sum

    def take_writes(self) -> Writes:
        """The rows that have changed since the last call, in order; None as a value deletes."""
        for run in self._dirty.values():
            self._write(rows.run_key(run.workflow_id), _encode(run))
            self._remember(run)
        self._dirty.clear()
        writes, self._writes = self._writes, []
        return writes

    def take_effects(self) -> list[Effect]:
        """The effects that those changes call for."""
        effects, self._effects = self._effects, []
        return effects

    def _remember(self, run: RunRow) -> None:
        self._runs[run.workflow_id] = run
        if len(self._runs) > self._cached_runs:
            self._runs.popitem(last=False)

    # Whole partition, at start

    def open_activities(self) -> Iterator[StartActivity]:
        """Every activity whose outcome is not recorded, by run id."""
        for key, data in self._rows.scan(rows.ACTIVITY_PREFIX):
            yield StartActivity(key.split(b"/")[1].decode(), _decode_activity(data))

    def timers(self) -> Iterator[SetTimer]:
        """Every timer of workflow code, earliest first. Waits for a retry are with the activities."""
        for key, value in self._rows.scan(rows.TIMER_PREFIX):
            due_at, run_id, step = rows.timer_of(key)
            if self._rows.get(rows.wait_key(run_id, step)) is not None:
                yield SetTimer(due_at, value.decode(), run_id, step)

    def outbox(self) -> Iterator[Publish]:
        """Every message that is not known to have left, in order."""
        for key, data in self._rows.scan(rows.OUTBOX_PREFIX):
            yield Publish(int(key[2:], 16), _decode_outbox(data))

    def unfinished(self) -> Iterator[RunRow]:
        """Open runs that wait for an owner's attention: parked, or with an activation that is not all written."""
        for key, _ in self._rows.scan(rows.UNFINISHED_PREFIX):
            run = self.run(key[2:].decode())
            assert run is not None, "an index row without its run"
            yield run

    def history(self, run_id: str) -> list[bytes]:
        """The run's history records, in order."""
        return [value for _, value in self._rows.scan(rows.history_prefix(run_id))]
