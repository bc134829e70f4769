"""An attempt of an activity says that it is alive."""

from __future__ import annotations

from sagaline._engine.processors.activity_result import attempt_of
from sagaline._engine.processors.decisions import Decision
from sagaline._engine.state import ReadState
from sagaline._model.events import HeartbeatRecorded
from sagaline._model.records import Heartbeat


def process(state: ReadState, beat: Heartbeat, now_ms: int) -> Decision:
    """Empty for an attempt that was given up, and for what is known: heartbeats are recorded a fifth of their time-out
    apart, unless they say something new."""
    row = attempt_of(state, beat)
    if row is None:
        return []
    known, limits = row.watched, row.scheduled.limits
    if known is not None and known.beat_at:
        is_new = beat.details not in (None, known.details) or beat.awaited_until not in (0, known.awaited_until)
        if not is_new and (limits is None or now_ms < known.beat_at + limits.heartbeat_timeout_ms // 5):
            return []
    return [HeartbeatRecorded(beat.step, beat.attempt, beat.details, beat.awaited_until, beat.worker)]
