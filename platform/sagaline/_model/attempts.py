"""What is said of an attempt of an activity by whoever makes it."""

from __future__ import annotations

import msgspec

from sagaline._model.failure import Failure


class ActivityResult(msgspec.Struct, frozen=True, gc=False):
    """What an attempt of an activity came to."""

    workflow_id: str
    run_id: str
    step: int
    attempt: int
    result: bytes | None = None
    failure: Failure | None = None
    next_delay_ms: int = -1
    """How long the next attempt waits; negative: as the retry policy says."""
    details: bytes | None = None
    """What an attempt that has failed has said last, JSON: the next one is told."""


class Heartbeat(msgspec.Struct, frozen=True, gc=False):
    """A running attempt is alive. ``details``: how far it has come, JSON; None when it has only begun.
    ``awaited_until``: positive when its code has ended and its outcome comes from outside, until then at the latest."""

    workflow_id: str
    run_id: str
    step: int
    attempt: int
    details: bytes | None = None
    worker: str = ""
    at: int = 0
    awaited_until: int = 0


COMPLETE, FAIL, HEARTBEAT = "complete", "fail", "heartbeat"
"""``SettleActivity.what``."""


class SettleActivity(msgspec.Struct, frozen=True, gc=False):
    """Says from outside what came of an attempt, or that it goes on. ``payload``: the result, or details."""

    request_id: str
    workflow_id: str
    run_id: str
    step: int
    attempt: int
    what: str
    payload: bytes | None = None
    failure: Failure | None = None
    reply_to: str = ""
    reply_partition: int = 0
