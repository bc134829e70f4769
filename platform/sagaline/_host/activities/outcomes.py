"""What attempts come to, as it is reported."""

from __future__ import annotations

import logging
from typing import Final

import msgspec

from sagaline._engine.tables.activities import ActivityRow
from sagaline._host.activities.attempts import Attempt
from sagaline._host.activities.user_code import TaskExit
from sagaline._model.failure import APPLICATION, CANCELLED, Failure
from sagaline._model.limits import PAYLOAD_BYTES
from sagaline._runtime.definitions import ActivityDefinition
from sagaline._runtime.failures import failure_of, next_delay_ms
from sagaline._runtime.interrupt import Interrupted
from sagaline.errors import PayloadTooLarge

_log = logging.getLogger("sagaline.activities")


class Later(msgspec.Struct):
    """The code has ended, and its outcome comes from outside."""


LATER: Final = Later()
Outcome = bytes | Failure | Later
"""A result, why there is none, or LATER."""


def too_large(definition: ActivityDefinition, result: bytes) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"Expected the result of {definition.name} to have at most {PAYLOAD_BYTES} bytes but it has "
        f"{len(result)}: store the data elsewhere and return a reference."
    )


def described(error: BaseException, attempt: Attempt) -> Failure:
    """Why an attempt has failed; notes what its error says of the next one."""
    non_retryable = attempt.row.scheduled.retry.non_retryable
    failure, attempt.next_delay_ms = described_by(error, attempt.definition, non_retryable, attempt)
    return failure


def described_by(
    error: BaseException, definition: ActivityDefinition, non_retryable: tuple[str, ...], attempt: object
) -> tuple[Failure, int]:
    """The failure, and how long the next attempt waits; -1 when the error does not say. ``attempt`` as in the log."""
    if type(error) is TaskExit:  # isinstance would ask the error for its class, which may be a property that raises
        error = error.__cause__ or error
    delay_ms = next_delay_ms(error)
    failure = failure_of(error, refusals=definition.refusals, non_retryable=non_retryable)
    if failure.retryable and not _may_help(error, definition, attempt):
        failure = msgspec.structs.replace(failure, retryable=False)
    if type(error) is Interrupted:  # it would block every worker again
        message = f"Expected {definition.name} to let the event loop go on but it blocked it for too long: {_ADVICE}"
        return Failure(failure.type, message, APPLICATION, failure.stack, retryable=False), delay_ms
    return failure, delay_ms


def _may_help(error: BaseException, definition: ActivityDefinition, attempt: object) -> bool:
    """What the activity's ``retry_if`` says; a predicate that raises says nothing."""
    if definition.retry_if is None or not isinstance(error, Exception):
        return True
    try:
        return bool(definition.retry_if(error))
    except BaseException:
        _log.exception("retry_if of %s: expected True or False, so the error is retried; %s", definition.name, attempt)
        return True


_ADVICE = "make it an ordinary function, which runs in a thread, or await what waits."


def own_cancellation(error: BaseException, attempt: Attempt) -> Failure:
    """Something that it awaited was cancelled, by its own code: a failure like any other."""
    failure = failure_of(error, non_retryable=attempt.row.scheduled.retry.non_retryable)
    message = "a task that it awaited was cancelled, and nobody had asked for that"
    return Failure(failure.type, message, APPLICATION, failure.stack, failure.retryable)


def unknown(row: ActivityRow) -> Failure:
    """No such activity is registered here."""
    message = f"Expected activity {row.scheduled.activity!r} to be registered with this worker but it is not."
    return Failure("UnknownActivity", message)


def cancelled(why: str) -> Failure:
    """It was asked to stop."""
    return Failure("Cancelled", why, CANCELLED, retryable=False)
