"""The four time-outs of an activity, as failures that say which it was, how long, and of which attempt."""

from __future__ import annotations

from sagaline._engine.tables.activities import ActivityRow
from sagaline._model.failure import TIMEOUT, Failure

ATTEMPT, TOTAL, START, HEARTBEAT = "Timeout", "TotalTimeout", "StartTimeout", "HeartbeatTimeout"
"""Types of these failures."""


def attempt_timeout(row: ActivityRow) -> Failure:
    """One attempt took too long."""
    return Failure(ATTEMPT, _words(row, "did not end", row.scheduled.timeout_ms), TIMEOUT)


def heartbeat_timeout(row: ActivityRow) -> Failure:
    """A running attempt has given no sign of life. Contract: it has limits."""
    limits = row.scheduled.limits
    return Failure(HEARTBEAT, _words(row, "gave no heartbeat", limits.heartbeat_timeout_ms if limits else 0), TIMEOUT)


def start_timeout(row: ActivityRow, now_ms: int) -> Failure | None:
    """An attempt has waited for a slot, or for a worker, for longer than it may; None while it may. Another attempt
    would wait in the same queue: it is not retried."""
    limits, watched = row.scheduled.limits, row.watched
    if limits is None or watched is None or not limits.start_timeout_ms or watched.beat_at:
        return None
    if now_ms < row.began_waiting_at + limits.start_timeout_ms:
        return None
    words = _words(row, "did not begin", limits.start_timeout_ms)
    return Failure(START, words, TIMEOUT, retryable=False, cause=row.failure)


def total_timeout(row: ActivityRow, at_ms: int, cause: Failure | None) -> Failure | None:
    """All attempts and waits together take too long at ``at_ms``; None when they do not."""
    limits, watched = row.scheduled.limits, row.watched
    if limits is None or watched is None or not limits.total_timeout_ms:
        return None
    if at_ms < watched.scheduled_at + limits.total_timeout_ms:
        return None
    words = _words(row, "did not end, with all attempts and waits,", limits.total_timeout_ms)
    return Failure(TOTAL, words, TIMEOUT, retryable=False, cause=cause)


def _words(row: ActivityRow, what: str, limit_ms: int) -> str:
    return f"{row.scheduled.activity} {what} within {limit_ms / 1000:g} s (attempt {row.attempt})"
