"""The only way to append: activations, refusals, positions, tombstones. Deciding and retention both go through it.

Every record carries the positions of the inputs that it and all before it account for. So refusals that wait are
recorded before what an input leads to. What comes between, in a turn of its own, must not say that they were read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import msgspec

from sagaline._engine.apply import apply_history, apply_positions, apply_refusals
from sagaline._engine.decide import Rejected
from sagaline._engine.effects import Effect
from sagaline._engine.emit import Emitter
from sagaline._engine.state import State
from sagaline._engine.tombstones import apply_tombstone
from sagaline._host.partition.pipeline import Pending, Pipeline
from sagaline._host.partition.progress import InputOffsets, Progress
from sagaline._host.partition.refused import Batch, Refusable, Refused
from sagaline._model import limits
from sagaline._model.codec import encode
from sagaline._model.keys import history_key, positions_key, refusals_key
from sagaline._model.records import Decided, History, Positions, Refusals
from sagaline._runtime.flags import CURRENT


class RecordTooLarge(Exception):
    """A bug: what makes a record has to keep it below the limit. Nothing was appended."""


class Recorder:
    """Appends for the owner of ``epoch``. ``decided`` is the state above all appends, to which each record adds."""

    def __init__(
        self, epoch: int, decided: State, progress: Progress, pipeline: Pipeline, clock: Callable[[], int]
    ) -> None:
        self.epoch = epoch
        self._decided, self._progress, self._pipeline, self._clock = decided, progress, pipeline, clock
        self._refused = Refused(progress)

    def activation(self, emitter: Emitter, more: bool = False, positions: InputOffsets | None = None) -> None:
        """Records the events of a run; nothing when there are none.

        ``more``: another record of the same activation follows. ``positions`` are those of before the input, for a
        record that is not all that comes of it: who goes on behind this record reads the input again.
        """
        if not emitter.events:
            return
        run, progress = emitter.run, self._progress
        commands_position, results_position = (
            progress.settled if positions is None and not self._refused.waiting else self._carried(positions)
        )
        record = History(
            self.epoch,
            run.last_at,
            run.workflow_id,
            run.run_id,
            emitter.first_event_id,
            commands_position,
            results_position,
            progress.released,
            CURRENT if emitter.first_event_id == 1 else (),
            more,
            tuple(emitter.events),
        )
        value = encode(record)
        if len(value) > limits.RECORD_BYTES:
            _refuse(f"{len(record.events)} events of {limits.cut(run.workflow_id, limits.NAME_BYTES)}", value)
        emitter.finish(self.epoch, more, value, record.released)
        key = history_key(run.workflow_id, run.run_id, emitter.first_event_id, self.epoch)
        drain_effects = self._decided.drain_effects
        self._send(key, record, value, drain_effects())

    def copy(self, record: History, positions: InputOffsets | None = None) -> None:
        """Records events of another run as the next ones of its fork; ``positions`` as for an activation."""
        progress = self._progress
        commands_position, results_position = self._carried(positions)
        record = msgspec.structs.replace(
            record,
            epoch=self.epoch,
            commands_position=commands_position,
            results_position=results_position,
            released=progress.released,
        )
        value = encode(record)
        if len(value) > limits.RECORD_BYTES:
            _refuse(f"{len(record.events)} copied events", value)
        apply_history(self._decided, record, value)
        key = history_key(record.workflow_id, record.run_id, record.first_event_id, self.epoch)
        self._send(key, record, value, self._decided.drain_effects())

    def _carried(self, positions: InputOffsets | None) -> InputOffsets:
        """What is settled, or ``positions``; but what an earlier record has said holds for all behind it, and while
        refusals wait nothing more is said: they count as settled, and would be nowhere if this record were the last."""
        progress = self._progress
        commands, results, _ = progress.recorded
        if self._refused.waiting:
            return commands, results
        return progress.settled if positions is None else (max(positions[0], commands), max(positions[1], results))

    def refuse(self, rejected: Rejected, request: Refusable) -> None:
        """A request is refused: it is answered when ``refusals`` has recorded that."""
        self._refused.add(rejected, request)

    def refusals(self) -> None:
        """Records the refusals that wait."""
        if self._refused.waiting:
            for batch in self._refused.take():
                self._record_refusals(batch)

    def _record_refusals(self, batch: Batch) -> None:
        record = Refusals(self.epoch, self._clock(), *batch.positions, self._progress.released, batch.refusals)
        value = encode(record)
        if len(value) > limits.RECORD_BYTES:
            _refuse(f"{len(batch.refusals)} refusals", value)
        number = self._progress.appended
        apply_refusals(self._decided, record, number)
        self._send(refusals_key(self.epoch, number), record, value, batch.answers)

    def positions(self) -> int:
        """Records how far inputs are settled and messages have left. Returns the number of the append: it is
        durable when ``Progress.acknowledged`` is above."""
        self.refusals()
        record = Positions(self.epoch, self._clock(), *self._progress.settled, self._progress.released)
        number = self._progress.appended
        apply_positions(self._decided, record, number)
        self._send(positions_key(self.epoch, number), record, encode(record), self._decided.drain_effects())
        return number

    def tombstone(self, key: bytes) -> None:
        """Deletes the record of this key, which an acknowledged, later record has made unneeded."""
        apply_tombstone(self._decided, key)
        self._send(key, None, None, [])

    def _send(self, key: bytes, record: Decided | None, value: bytes | None, effects: list[Effect]) -> None:
        progress, decided = self._progress, self._decided
        if record is not None:
            progress.recorded = (record.commands_position, record.results_position, record.released)
        writes, offset_rows = decided.drain_writes(), decided.drain_offset_rows()
        pipeline = self._pipeline
        size = 0 if value is None else len(value)
        pipeline.send(
            key, value, Pending(pipeline, progress.recorded, writes, effects, offset_rows, self._clock(), size)
        )


def _refuse(what: str, value: bytes) -> NoReturn:
    raise RecordTooLarge(
        f"Expected a record of at most {limits.RECORD_BYTES:,} bytes but {what} take {len(value):,}: what a run may "
        f"hold is bounded where it is made, and this was not"
    )
