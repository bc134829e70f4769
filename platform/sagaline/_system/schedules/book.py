"""What a schedule does with what is due: by its policy and what is open. No workflow code: a state and plain rules."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from sagaline._model.limits import cut
from sagaline._system.schedules import model
from sagaline._system.schedules.model import Backfill, Ended, ScheduledRun, State, Waiting

FIRED, WAITS, SKIPPED, OVERFLOWED, REFUSED = "fired", "buffered", "skipped", "overflowed", "refused"
_STOPS = {model.CANCEL_OTHER: model.CANCEL, model.TERMINATE_OTHER: model.TERMINATE}
_FAILURES = ("failed", "compensated", "terminated", "timed_out", "refused")


class Stop(NamedTuple):
    """A run that is to end."""

    run: ScheduledRun
    how: str


def workflow_id_of(schedule: str, at_ms: int, kind: str) -> str:
    """The workflow id of the run of a due time; one that was triggered has its own."""
    at = datetime.fromtimestamp(at_ms / 1_000, UTC)
    text = at.isoformat(timespec="milliseconds" if at_ms % 1_000 else "seconds").replace("+00:00", "Z")
    return f"{schedule}-{text}{'-trigger' if kind == model.TRIGGER else ''}"


class Book:
    """Keeps a state. ``begun`` and ``stopped`` are what is to be done, until ``take``."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.begun: list[ScheduledRun] = []
        self.stopped: list[Stop] = []

    def take(self) -> tuple[list[ScheduledRun], list[Stop]]:
        """What is to be done by now, once."""
        begun, stopped, self.begun, self.stopped = self.begun, self.stopped, [], []
        return begun, stopped

    def offer(self, at_ms: int, kind: str, overlap: str, now_ms: int) -> str:
        """A time is due: what becomes of it, in a word."""
        state, counts = self.state, self.state.counts
        if self._is_known(at_ms, kind):
            counts.refused += 1
            return REFUSED
        if overlap == model.ALLOW_ALL:
            if len(state.open) < model.OPEN:
                return self._fire(at_ms, kind, now_ms)
            counts.overflowed += 1
            return OVERFLOWED
        if not state.open and (not state.waiting or kind == model.TRIGGER):
            return self._fire(at_ms, kind, now_ms)
        if overlap == model.SKIP or (overlap == model.BUFFER_ONE and state.waiting):
            counts.skipped += 1
            return SKIPPED
        if overlap == model.BUFFER_ALL and len(state.waiting) >= model.BUFFERED:
            counts.overflowed += 1
            return OVERFLOWED
        if overlap in _STOPS:
            counts.skipped += len(state.waiting)
            state.waiting.clear()
        state.waiting.append(Waiting(at_ms, kind, overlap))
        self._stop_others(overlap)
        return WAITS

    def _stop_others(self, overlap: str) -> None:
        if (how := _STOPS.get(overlap)) is not None:
            self.stopped += [Stop(run, how) for run in self.state.open]

    def go_on(self) -> None:
        """The schedule has continued as new: what waits for others to be stopped asks again."""
        for waits in self.state.waiting[:1]:
            self._stop_others(waits.overlap)

    def _is_known(self, at_ms: int, kind: str) -> bool:
        workflow_id = workflow_id_of(self.state.id, at_ms, kind)
        return any(run.workflow_id == workflow_id for run in self.state.open) or any(
            workflow_id_of(self.state.id, waits.at_ms, waits.kind) == workflow_id for waits in self.state.waiting
        )

    def _fire(self, at_ms: int, kind: str, now_ms: int) -> str:
        run = ScheduledRun(workflow_id_of(self.state.id, at_ms, kind), at_ms, now_ms, kind)
        self.state.open.append(run)
        self.begun.append(run)
        self.state.counts.fired += 1
        return FIRED

    def next_waiting(self, now_ms: int) -> None:
        """The first that waits begins, when nothing is open."""
        if self.state.waiting and not self.state.open:
            waits = self.state.waiting.pop(0)
            self._fire(waits.at_ms, waits.kind, now_ms)

    def may_backfill(self, backfill: Backfill) -> bool:
        """Whether the next due time of a backfill may be offered: it fills no buffer."""
        state = self.state
        if backfill.overlap == model.ALLOW_ALL:
            return len(state.open) < model.BACKFILL_OPEN
        return backfill.overlap != model.BUFFER_ALL or not (state.open or state.waiting)

    def end(self, ended: Ended, now_ms: int) -> None:
        """A run has ended, or did not begin. One that is not known, or was told of, changes nothing."""
        state = self.state
        run = next((run for run in state.open if run.workflow_id == ended.workflow_id), None)
        if run is None:
            return
        state.open.remove(run)
        run.run_id, run.status, run.ended_ms = ended.run_id, ended.status, now_ms
        run.failure_type = cut(ended.failure_type, 100)
        run.failure_message = cut(ended.failure_message, model.NOTE_BYTES)
        state.recent = [*state.recent[1 - model.RECENT :], run]
        is_repeat = ended.status == REFUSED and ended.failure_type in ("IdInUse", "IdUsed")
        if is_repeat:
            state.counts.fired -= 1
            state.counts.refused += 1
        elif ended.has_result:
            state.has_result, state.last_result = True, ended.result
        if ended.status in _FAILURES and not is_repeat and state.definition.pause_on_failure and not state.paused:
            self.pause(f"{run.workflow_id} {run.status}: {run.failure_type}: {run.failure_message}", "pause_on_failure")

    def pause(self, note: str, by: str) -> None:
        """What is due from now on is skipped, and what waits stays, until it is resumed."""
        state = self.state
        state.paused, state.note, state.paused_by = True, cut(note, model.NOTE_BYTES), cut(by, 255)
