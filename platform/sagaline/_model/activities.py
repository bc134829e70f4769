"""Events of the activities that a run asks for."""

from __future__ import annotations

import msgspec

from sagaline._model.failure import Failure, RetryPolicy

PARK = "park"
"""``AttemptLimits.on_exhausted``: an activity that has failed for good waits for a person."""

RETRY, EDIT, DONE, SKIP = ACTIONS = ("retry", "edit", "done", "skip")
"""What a person may do about a parked activity."""

READ_ONLY = "read_only"
IRREVERSIBLE = "irreversible"
PIVOT = "pivot"
RETRIABLE = "retriable"


class AttemptLimits(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Time limits beside that of one attempt, in milliseconds (0: none), and what follows when it has failed for good:
    "" (it fails) or PARK. ``jitter``: how many percent of a wait before a retry are left to chance. ``priority``: 1 to
    5, the lowest first, 0 for none said; ``fairness_key``: those of different keys take turns."""

    start_timeout_ms: int = 0
    total_timeout_ms: int = 0
    heartbeat_timeout_ms: int = 0
    on_exhausted: str = ""
    jitter: int = 10
    priority: int = 0
    fairness_key: str = ""


_UNTIL_DONE = AttemptLimits(on_exhausted=PARK)


def until_done(limits: AttemptLimits | None) -> AttemptLimits:
    """The same for a step that must be done: what has failed for good waits for a person."""
    return _UNTIL_DONE if limits is None else msgspec.structs.replace(limits, on_exhausted=PARK)


class SagaStep(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an activity is for a saga. ``scope``: which one undoes it, 0 for the run's own. ``kind``: "" for a step that
    is compensated if it has a compensation, else READ_ONLY, IRREVERSIBLE, PIVOT or RETRIABLE. ``begun``, of what
    undoes a step of another run: the step there that had begun to, whose key it has."""

    scope: int = 0
    kind: str = ""
    takes_result: bool = False
    begun: int = 0


class ActivityScheduled(msgspec.Struct, frozen=True, gc=False):
    """The code has called an activity: the intent is on record before any effect can happen. One that undoes a step of
    another run says of which, and ``of_child`` the step of this run that started it, 0 when that one went on as this.
    """

    step: int
    activity: str
    input: bytes
    timeout_ms: int
    retry: RetryPolicy
    compensation: str | None = None
    compensates: int | None = None
    outcome: str | None = None
    compensates_run: str = ""
    queue: str = ""
    limits: AttemptLimits | None = None
    saga: SagaStep | None = None
    of_child: int = 0
    version: int = 1

    @property
    def is_timed(self) -> bool:
        """True when its owner has times to keep beside that of an attempt."""
        limits = self.limits
        return (
            limits is not None
            and (limits.start_timeout_ms or limits.total_timeout_ms or limits.heartbeat_timeout_ms) > 0
        )


class ActivityAttemptFailed(msgspec.Struct, frozen=True, gc=False):
    """An attempt failed; the next may start at ``retry_at``."""

    step: int
    attempt: int
    failure: Failure
    retry_at: int
    version: int = 1


class ActivityCompleted(msgspec.Struct, frozen=True, gc=False):
    """An activity has succeeded."""

    step: int
    attempt: int
    result: bytes
    version: int = 1


class ActivityFailed(msgspec.Struct, frozen=True, gc=False):
    """An activity has failed for good."""

    step: int
    attempt: int
    failure: Failure
    version: int = 1


class ActivityParked(msgspec.Struct, frozen=True, gc=False):
    """An activity has failed for good, and by its policy waits for a person."""

    step: int
    attempt: int
    failure: Failure
    version: int = 1


class ActivityRepaired(msgspec.Struct, frozen=True, gc=False):
    """A person has said what becomes of a parked activity. ``action``: RETRY, EDIT (``payload`` is its input then), or
    DONE and SKIP, whose outcome follows in the same record."""

    step: int
    action: str
    payload: bytes
    request_id: str
    reason: str
    by: str
    version: int = 1


class ActivityCancelRequested(msgspec.Struct, frozen=True, gc=False):
    """The code no longer waits for an activity; its outcome will still be recorded."""

    step: int
    version: int = 1


class ActivityDispatched(msgspec.Struct, frozen=True, gc=False):
    """The next attempt of an activity of a queue is due: its task leaves. (The first leaves with ActivityScheduled.)"""

    step: int
    attempt: int
    version: int = 1


class HeartbeatRecorded(msgspec.Struct, frozen=True, gc=False):
    """A running attempt is alive. ``details``: how far it has come; None when it has only begun. ``awaited_until``:
    positive when its outcome comes from outside, until then at the latest, in milliseconds since 1970."""

    step: int
    attempt: int
    details: bytes | None = None
    awaited_until: int = 0
    worker: str = ""
    version: int = 1


class OutcomeReceived(msgspec.Struct, frozen=True, gc=False):
    """Somebody outside has said what came of an attempt: the event behind this one says what."""

    step: int
    attempt: int
    request_id: str
    version: int = 1


class RepairActivity(msgspec.Struct, frozen=True, gc=False):
    """A person says what becomes of a parked activity: as ActivityRepaired."""

    request_id: str
    workflow_id: str
    step: int
    action: str
    payload: bytes
    reason: str
    by: str
    reply_to: str = ""
    reply_partition: int = 0
    run_id: str = ""
