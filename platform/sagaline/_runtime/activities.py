"""What an activity may ask about itself."""

from __future__ import annotations

import msgspec


class ForwardStep(msgspec.Struct, frozen=True, gc=False):
    """The step that a compensation undoes.

    ``outcome`` is "completed", or "unknown" when a time-out, a cancellation or a failure leaves open whether
    it had an effect. ``idempotency_key`` is the key its own attempts were given.
    """

    idempotency_key: str
    outcome: str


class ActivityInfo(msgspec.Struct, frozen=True, gc=False):
    """One attempt of an activity.

    ``idempotency_key`` is the same for every attempt of the step: hand it to the participant, so that a repeat
    has its effect once. ``deadline`` is when the attempt is given up, in seconds since 1970. ``compensates``
    is set in a compensation.
    """

    workflow_id: str
    run_id: str
    activity: str
    step: int
    attempt: int
    idempotency_key: str
    deadline: float
    compensates: ForwardStep | None = None
