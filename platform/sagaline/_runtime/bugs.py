"""What stops a run in place of failing it: errors of the code, of its history, of a compensation."""

from __future__ import annotations

from typing import NamedTuple

from sagaline._model.events import Event
from sagaline._model.failure import BUG, Failure
from sagaline._model.limits import cut
from sagaline._runtime.failures import failure_of
from sagaline.errors import FailureError

COMPENSATION = "compensation"
MISMATCH = "mismatch"
NEWER = "newer_version"
UNKNOWN_WORKFLOW = "unknown_workflow"


class Difference(NamedTuple):
    """Where code and history part, in words: at which event, and at which file and line of the code if known."""

    event_id: int
    expected: str
    actual: str
    place: str


class WorkflowBug(Exception):
    """The run cannot go on with this code: it is parked. ``failure`` describes why, for the history.

    ``reason`` is one word for lists: "bug", "mismatch", "compensation", "unknown_workflow", "newer_version",
    "payload".
    """

    def __init__(self, failure: Failure, reason: str = BUG, difference: Difference | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.reason = reason
        self.difference = difference


class UnknownStep(Exception):
    """History has an outcome for a step that this code never asked for."""

    def __init__(self, job: Event) -> None:
        super().__init__(f"{job}")
        self.job = job


class ActivationTooLarge(BaseException):
    """The code uses more than one activation may: it would never end, or not fit into memory.

    No Exception, so that code which catches those and goes on does not go on with this.
    """

    def __init__(self, what: str, bound: int, place: str) -> None:
        super().__init__(
            f"Expected at most {bound:,} {what} between two waits for something durable but the code at {place} goes "
            f"on. Wait for an activity or a timer (asyncio.sleep of more than 0) now and then, or do less at once."
        )


class NotInHistory(BaseException):
    """Replay has come to a side effect that history does not have: the code has changed. (No Exception: those are
    caught.)"""


class ContinueAsNew(BaseException):
    """Raised by the code to end its run and begin anew with ``input``. No Exception: nobody should catch it."""

    def __init__(self, input: bytes) -> None:
        super().__init__("the run continues as new")
        self.input = input


class Evicted(BaseException):
    """Raised where code waits when its instance is evicted: nothing that it does counts any more."""


class ChangedByLook(BaseException):
    """A query or a validator has changed the run, or has tried to. (No Exception: those are caught.)"""


class CompensationFailed(FailureError):
    """A compensation failed for good; the run is parked for a person."""


class SagaOrder(Exception):
    """The code lets a saga do what its steps do not allow: something to undo behind the pivot, a failure there."""


def bug(error: BaseException) -> WorkflowBug:
    """An exception of the code as a reason to park the run. Never raises."""
    failure = failure_of(error, kind=BUG)
    reason = COMPENSATION if isinstance(error, CompensationFailed) else BUG
    return WorkflowBug(Failure(failure.type, failure.message, BUG, failure.stack, False, cause=failure.cause), reason)


def stopped(type: str, message: str, reason: str = BUG, difference: Difference | None = None) -> WorkflowBug:
    """The same for something that is not an exception of the code's own."""
    return WorkflowBug(Failure(type, cut(message), BUG, retryable=False), reason, difference)
