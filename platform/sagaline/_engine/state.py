"""The state of one partition: its tables, and the sum of what a record changes in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from sagaline._engine.changes import Changes
from sagaline._engine.meta import Meta
from sagaline._engine.overlay import Overlay, Writes
from sagaline._engine.tables.activities import Activities, ActivityRow, StartActivity
from sagaline._engine.tables.attention import Attention
from sagaline._engine.tables.attributes import Attributes
from sagaline._engine.tables.children import Children, ChildRow, OpenChild
from sagaline._engine.tables.closed import ClosedRuns, CloseRun
from sagaline._engine.tables.forks import Forks
from sagaline._engine.tables.history import RunHistory
from sagaline._engine.tables.invalid import InvalidRecords
from sagaline._engine.tables.messages import Messages
from sagaline._engine.tables.outbox import Outbox, OutboxRow, Publish
from sagaline._engine.tables.outgoing import Outgoing, OutgoingMessage, OutgoingRow
from sagaline._engine.tables.positions import PositionsRecords
from sagaline._engine.tables.refusals import RefusedRequests
from sagaline._engine.tables.remnants import Remnants
from sagaline._engine.tables.runs import RunRow, Runs, RunView
from sagaline._engine.tables.signals import Signals
from sagaline._engine.tables.timers import SetTimer, Timers
from sagaline._engine.tables.updates import UpdateRow, Updates
from sagaline._engine.tables.waits import Waits
from sagaline._engine.tables.wills import Wills
from sagaline._model.records import CONTINUED, Refusal


class ReadState(Protocol):
    """What deciding may look at: a decision that writes is a type error."""

    def run(self, workflow_id: str, /) -> RunView | None:
        """The newest run of a workflow id."""
        ...

    def run_by_id(self, workflow_id: str, run_id: str, /) -> RunView | None:
        """A run of a workflow id, the newest or an earlier one."""
        ...

    def activity(self, run_id: str, step: int, /) -> ActivityRow | None:
        """An activity whose outcome is not recorded yet."""
        ...

    def wait(self, run_id: str, step: int) -> int | None:
        """Due time of a timer that has not fired, in milliseconds since 1970."""
        ...

    def child(self, run_id: str, step: int) -> ChildRow | None:
        """A child of a run that has not ended."""
        ...

    def message(self, run_id: str, step: int) -> OutgoingRow | None:
        """A message to another run that is not known to have arrived."""
        ...

    def refusal(self, request_id: str) -> Refusal | None:
        """The recorded refusal of a request."""
        ...

    def receiver(self, workflow_id: str, message_id: str) -> str | None:
        """Id of the run that has received a message."""
        ...

    def forks(self, run_id: str) -> Sequence[str]:
        """Ids of the runs that have the beginning of a run's history, the oldest first."""
        ...

    def records(self, run_id: str) -> Iterator[bytes]:
        """A run's records, in order."""
        ...


class OffsetRows(NamedTuple):
    """Rows of a record that depend on its offset, which is known when it is acknowledged."""

    sends: list[OutboxRow]
    closed: list[RunRow]


class State:
    """The tables over some rows. ``cached_runs`` bounds the runs and activities that are kept decoded."""

    def __init__(self, overlay: Overlay, meta: Meta, cached_runs: int = 10_000) -> None:
        self.changes = changes = Changes(overlay)
        self.timers = Timers(changes)
        self.attention = Attention(changes)
        self.runs = Runs(changes, self.attention, cached_runs)
        self.activities = Activities(changes, self.timers, cached_runs)
        self.waits = Waits(changes, self.timers)
        self.children = Children(changes)
        self.outgoing = Outgoing(changes)
        self.forked = Forks(changes)
        self.outbox = Outbox(changes, meta.released)
        self.history = RunHistory(changes)
        self.closed = ClosedRuns(changes)
        self.refusals = RefusedRequests(changes)
        self.positions = PositionsRecords(changes)
        self.invalid = InvalidRecords(changes)
        self.remnants = Remnants(changes)
        self.messages = Messages(changes)
        self.signals = Signals(changes)
        self.drain_effects = changes.drain_effects  # what the changes call for
        self.updates = Updates(changes)
        self.attributes = Attributes(changes)
        self.wills = Wills(changes)
        self._offset_rows = OffsetRows([], [])
        # What is read all the time is the table's own method.
        self.run: Callable[[str], RunView | None] = self.runs.newest
        self.run_by_id: Callable[[str, str], RunView | None] = self.runs.by_id
        self.activity: Callable[[str, int], ActivityRow | None] = self.activities.get

    def resize(self, cached_runs: int) -> None:
        """Bounds what is kept decoded: so many runs, and so many activities of a kilobyte each."""
        self.runs.resize(cached_runs)
        self.activities.resize(cached_runs)

    # Reading

    def wait(self, run_id: str, step: int) -> int | None:
        """Due time of a timer that has not fired, in milliseconds since 1970."""
        return self.waits.due_at(run_id, step)

    def child(self, run_id: str, step: int) -> ChildRow | None:
        """A child of a run that has not ended."""
        return self.children.get(run_id, step)

    def message(self, run_id: str, step: int) -> OutgoingRow | None:
        """A message to another run that is not known to have arrived."""
        return self.outgoing.get(run_id, step)

    def refusal(self, request_id: str) -> Refusal | None:
        """The recorded refusal of a request."""
        return self.refusals.get(request_id)

    def receiver(self, workflow_id: str, message_id: str) -> str | None:
        """Id of the run that has received a message."""
        return self.messages.run_of(workflow_id, message_id)

    def forks(self, run_id: str) -> Sequence[str]:
        """Ids of the runs that have the beginning of a run's history, the oldest first."""
        return self.forked.of(run_id)

    def records(self, run_id: str) -> Iterator[bytes]:
        """A run's records, in order."""
        return self.history.records(run_id)

    def update(self, run_id: str, update_id: str) -> UpdateRow | None:
        """An update that a run has accepted."""
        return self.updates.get(run_id, update_id)

    def open_steps(self, run: RunView) -> Iterator[StartActivity | SetTimer]:
        """What a run waits for in this partition: attempts of activities, and timers of its code."""
        yield from self.activities.of(run.run_id)
        yield from self.waits.of(run)

    def open_children(self, run: RunView) -> Iterator[OpenChild]:
        """The runs that a run waits for."""
        return self.children.of(run.run_id)

    def open_messages(self, run: RunView) -> Iterator[OutgoingMessage]:
        """The messages to other runs that a run waits for."""
        return self.outgoing.of(run.run_id)

    # Writing that concerns several tables

    def send(self, row: OutboxRow) -> None:
        """A message is to leave."""
        self._offset_rows.sends.append(row)

    def close_run(self, run: RunRow) -> None:
        """A run has ended: whatever it still waited for is dropped."""
        self.drop_steps(run)
        if run.status != CONTINUED:  # else the next run inherits them
            self.signals.give_up(run)
            if run.inherits:
                self._leave_inherited(run)
        self.updates.give_up(run)
        self.runs.put(run)
        self._offset_rows.closed.append(run)
        self.changes.call_for(CloseRun(run.workflow_id, run.run_id))

    def _leave_inherited(self, run: RunRow) -> None:
        """It will not receive them: they are left over by the runs that have."""
        for run_id in run.inherits:
            before = self.runs.past(run.workflow_id, run_id)
            if before is not None:
                self.signals.give_up(before)
                self.runs.put_past(before)
        run.inherits = ()

    def drop_steps(self, run: RunRow) -> None:
        """A run waits for nothing any more."""
        if run.open_steps:
            self.activities.drop_all(run)
            self.waits.drop_all(run)
            self.children.drop_all(run)
            self.outgoing.drop_all(run)
            run.open_steps = run.parked_steps = 0

    def remove_run(self, run: RunRow) -> None:
        """A run is retired: all but its records goes."""
        self.drop_steps(run)
        if run.signals_received or run.updates_received or run.commands_received:
            self.signals.drop_all(run)
            self.updates.drop_all(run.run_id)
            self.messages.drop_all(run.workflow_id, run.run_id)
        self.attributes.drop(run.run_id)
        if run.wills:
            self.wills.drop_all(run)
        self.closed.drop(run)
        self.forked.drop(run)
        self.runs.remove(run)
        newest = self.runs.newest(run.workflow_id) if run.continued_to else None
        if newest is not None and run.run_id in newest.inherits:  # an earlier version did not wait for that
            newest.inherits = tuple(one for one in newest.inherits if one != run.run_id)
            self.runs.put(newest)

    def forget_effects(self) -> None:
        """What the record calls for is dropped: it has happened already, in another run."""
        self.changes.drain_effects()
        self.drain_offset_rows()

    # The record's sum

    def drain_writes(self) -> Writes:
        """The rows that have changed since the last call; None as a value deletes."""
        self.runs.write_changed()
        self.activities.write_new()
        return self.changes.drain_writes()

    def drain_offset_rows(self) -> OffsetRows | None:
        """What waits for the record's offset."""
        if not self._offset_rows.sends and not self._offset_rows.closed:
            return None
        rows, self._offset_rows = self._offset_rows, OffsetRows([], [])
        return rows

    def rows_at(self, offset: int, rows: OffsetRows) -> tuple[Writes, list[Publish]]:
        """The rows of a record that stands at ``offset``, and the messages that may leave now."""
        writes: Writes = {}
        messages: list[Publish] = []
        for number, row in enumerate(rows.sends):
            key, value = self.outbox.entry(offset, number, row)
            writes[key] = value
            messages.append(Publish((offset, number), row))
        for run in rows.closed:
            writes.update(self.closed.entries(offset, run))
        return writes, messages

    def write_offset_rows(self, offset: int) -> None:
        """The same where the offset is known at once: reading history."""
        rows = self.drain_offset_rows()
        if rows is not None:
            for key, value in self.rows_at(offset, rows)[0].items():
                self.changes.put(key, value)
