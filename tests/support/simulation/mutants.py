"""The protocol broken on purpose, one way at a time: the simulation has to catch each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec

from sagaline._engine import decide as decisions
from sagaline._engine.meta import Meta
from sagaline._engine.processors import PROCESSORS
from sagaline._engine.processors.start import started_by
from sagaline._engine.reader import HistoryReader
from sagaline._engine.tables.history import RunHistory
from sagaline._engine.validity import Validity
from sagaline._host.partition import recorder as recorders
from sagaline._host.partition.applying import Applying
from sagaline._host.partition.inputs import Inputs
from sagaline._host.partition.pipeline import Pipeline
from sagaline._host.partition.recorder import Recorder
from sagaline._host.partition.releasing import Releasing
from sagaline._host.publishing.outbox import Outbox
from sagaline._host.recovery import restore as recoveries
from sagaline._host.recovery.restore import Recovery
from sagaline._host.recovery.standbys import Standbys
from sagaline._host.retention.positions import DurablePositions
from sagaline._host.timers import Timers
from sagaline._model.events import ActivityCompleted, ActivityFailed, TimerFired
from sagaline._model.keys import claim_key, history_key, positions_key
from sagaline._model.records import ActivityResult, Claim, History, StartRun
from simulation import log as sim_log
from simulation import mutants_of_blobs as _mutants_of_blobs  # noqa: F401  # registers them
from simulation import mutants_of_code as _mutants_of_code  # noqa: F401  # registers them
from simulation import mutants_of_flow as _mutants_of_flow  # noqa: F401  # registers them
from simulation import mutants_of_locks as _mutants_of_locks  # noqa: F401  # registers them
from simulation import mutants_of_messages as _mutants_of_messages  # noqa: F401  # registers them
from simulation import mutants_of_outcomes as _mutants_of_outcomes  # noqa: F401  # registers them
from simulation import mutants_of_queues as _mutants_of_queues  # noqa: F401  # registers them
from simulation import mutants_of_retention as _mutants_of_retention  # noqa: F401  # registers them
from simulation import mutants_of_runs as _mutants_of_runs  # noqa: F401  # registers them
from simulation import mutants_of_sagas as _mutants_of_sagas  # noqa: F401  # registers them
from simulation import mutants_of_schedules as _mutants_of_schedules  # noqa: F401
from simulation.mutant_registry import MUTANTS, Patch, applied, mutant

__all__ = ["MUTANTS", "applied"]


@mutant
def skips_the_contiguity_check() -> list[Patch]:
    original = Pipeline.on_acks

    def on_acks(self: Pipeline, acks: Any) -> None:
        for ack in acks:
            if ack.error is None:
                self._progress.next_offset = ack.offset
            original(self, [ack])

    return [(Pipeline, "on_acks", on_acks)]


@mutant
def believes_stale_epochs() -> list[Patch]:
    original = Validity.admit

    def admit(self: Validity, offset: int, record: Any) -> Any:
        original(self, offset, record)
        return None if isinstance(record, Claim) else record

    return [(Validity, "admit", admit)]


@mutant
def applies_before_acknowledging() -> list[Patch]:
    original = Pipeline.send

    def send(self: Pipeline, key: bytes, value: Any, pending: Any) -> None:
        applying, progress = cast(Applying, self._sink), self._progress
        cache = applying._rows.acknowledged
        cache.add(pending.writes)
        end = progress.next_offset + progress.in_flight + 1
        cache.reached(Meta(end, applying._epoch, *pending.watermarks), 2**50)
        cache.flush()
        original(self, key, value, pending)

    return [(Pipeline, "send", send)]


@mutant
def releases_effects_before_the_append() -> list[Patch]:
    original = Pipeline.send

    def send(self: Pipeline, key: bytes, value: Any, pending: Any) -> None:
        releasing: Releasing = cast(Applying, self._sink)._release.__self__  # type: ignore[attr-defined]
        effects, pending = pending.effects, msgspec.structs.replace(pending, effects=[])
        original(self, key, value, pending)
        for effect in effects:
            releasing.effect(effect)

    return [(Pipeline, "send", send)]


@mutant
def forgets_the_outbox_watermark() -> list[Patch]:
    return [(Outbox, "released", property(lambda self: self._progress.next_offset))]


@mutant
def shares_claim_keys() -> list[Patch]:
    return [(recoveries, "claim_key", lambda claim_id: claim_key("shared"))]


@mutant
def drops_the_dedupe_of_starts() -> list[Patch]:
    def start(state: Any, request: StartRun, now_ms: int) -> Any:
        return [started_by(request, now_ms)]

    return [(decisions, "PROCESSORS", PROCESSORS | {StartRun: start})]


@mutant
def drops_the_dedupe_of_results() -> list[Patch]:
    def result(state: Any, given: Any, now_ms: int) -> Any:
        run = state.run(given.workflow_id)
        if run is None or run.run_id != given.run_id:
            return []
        if given.failure is None:
            return [ActivityCompleted(given.step, given.attempt, given.result or b"null")]
        return [ActivityFailed(given.step, given.attempt, given.failure)]

    return [(decisions, "PROCESSORS", PROCESSORS | {ActivityResult: result})]


@mutant
def compacts_by_run_only() -> list[Patch]:
    return [(recorders, "history_key", lambda w, run, first, epoch: history_key(w, run, 1, epoch))]


@mutant
def keys_without_epoch() -> list[Patch]:
    return [(recorders, "history_key", lambda w, run, first, epoch: history_key(w, run, first, 0))]


@mutant
def shares_the_key_of_positions() -> list[Patch]:
    return [(recorders, "positions_key", lambda epoch, number: positions_key(0, 0))]


@mutant
def retires_without_positions() -> list[Patch]:
    async def nothing(self: DurablePositions) -> None:
        await asyncio.sleep(0)

    return [(DurablePositions, "record", nothing)]


@mutant
def retires_from_the_last_record() -> list[Patch]:
    original = RunHistory.keys
    return [(RunHistory, "keys", lambda self, *run: original(self, *run)[::-1])]


@mutant
def takes_a_failed_append_for_a_good_one() -> list[Patch]:
    original = Pipeline.on_acks

    def on_acks(self: Pipeline, acks: Any) -> None:
        original(
            self, [ack._replace(error=None, offset=self._progress.next_offset) if ack.error else ack for ack in acks]
        )

    return [(Pipeline, "on_acks", on_acks)]


@mutant
def goes_on_behind_an_append_that_failed() -> list[Patch]:
    class Forgetful(set[int]):
        def add(self, partition: int) -> None: ...

    original = sim_log.SimAppender.__init__

    def init(self: Any, *args: Any) -> None:
        original(self, *args)
        self._broken = Forgetful()

    return [(sim_log.SimAppender, "__init__", init)]


@mutant
def decides_without_reading_up_to_its_claim() -> list[Patch]:
    original = Recovery._apply
    seen: dict[Recovery, int] = {}

    async def apply(self: Recovery, restore: Any, end: int) -> None:
        seen[self] = seen.get(self, 0) + 1
        if seen[self] % 2:
            await original(self, restore, end)
        else:
            meta = restore._reader.meta
            skipped = Meta(end, end - 1, *(getattr(meta, name) for name in _POSITIONS))
            restore._reader = HistoryReader(restore._state, skipped)

    return [(Recovery, "_apply", apply)]


_POSITIONS = ("commands_position", "results_position", "released")


@mutant
def keeps_a_store_that_missed_tombstones() -> list[Patch]:
    return [(recoveries, "_SAFE_SHARE", 1e9)]


@mutant
def forgets_what_was_consumed() -> list[Patch]:
    def history(*fields: Any) -> Any:
        return msgspec.structs.replace(History(*fields), commands_position=0)

    return [(recorders, "History", history)]


@mutant
def fires_timers_early() -> list[Patch]:
    original = Timers.__init__

    def init(self: Timers, loop: Any, clock: Callable[[], int], *rest: Any) -> None:
        original(self, loop, lambda: clock() + 500, *rest)

    def due(state: Any, given: Any, now_ms: int) -> Any:
        return [] if state.wait(given.run_id, given.step) is None else [TimerFired(given.step)]

    return [
        (Timers, "__init__", init),
        (decisions, "PROCESSORS", PROCESSORS | {decisions.TimerDue: due}),
    ]


@mutant
def answers_a_refusal_before_it_is_recorded() -> list[Patch]:
    def record(self: Recorder) -> None:
        releasing: Releasing = cast(Applying, self._pipeline._sink)._release.__self__  # type: ignore[attr-defined]
        for batch in self._refused.take():
            for answer in batch.answers:
                releasing.effect(answer)

    return [(Recorder, "refusals", record)]


@mutant
def forgets_a_dead_letter_that_failed() -> list[Patch]:
    def settle(self: Inputs) -> None:
        self._progress.settled = self._progress.consumed

    return [(Inputs, "_settle", settle)]


@mutant
def standby_applies_the_end_of_a_batch_only() -> list[Patch]:
    original = Standbys._apply

    def apply(self: Standbys, number: int, records: Any) -> None:
        original(self, number, records[-1:])  # the rest looks compacted

    return [(Standbys, "_apply", apply)]
