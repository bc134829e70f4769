"""What other programs may write into the topics of inputs, and no client or worker of ours does: texts too long."""

from __future__ import annotations

from typing import TypeVar, cast

import msgspec

from sagaline._model import limits
from sagaline._model.attempts import FAIL, HEARTBEAT
from sagaline._model.attributes import unfit_attributes
from sagaline._model.failure import Failure
from sagaline._model.records import (
    ActivityResult,
    Heartbeat,
    QueryRun,
    ReadRun,
    ResetRun,
    RunControl,
    SettleActivity,
    SignalRun,
    StartRun,
    UndoRun,
    UpdateRun,
)

_NAMES = ("workflow_id", "request_id", "reply_to", "run_id", "by", "sender_id", "sender_run_id")
T = TypeVar("T", bound=RunControl | ResetRun | UndoRun)


def unfit(request: object) -> str | None:
    """Why an input cannot be taken, or None. What may have any length, such as a reason, is cut by ``bounded``."""
    names: tuple[str, ...]
    if isinstance(request, StartRun):
        names = (request.workflow_id, request.request_id, request.reply_to, request.workflow, request.signal)
        names = (*names, request.update, request.update_id)
    elif isinstance(request, SignalRun):
        names = (request.workflow_id, request.request_id, request.reply_to, request.run_id, request.signal)
        names = (*names, request.sender_id, request.sender_run_id)
    elif isinstance(request, UpdateRun):
        names = (request.workflow_id, request.request_id, request.reply_to, request.run_id, request.update)
        names = (*names, request.update_id)
    elif isinstance(request, ResetRun):
        names = (request.workflow_id, request.request_id, request.reply_to, request.run_id, request.by)
    elif isinstance(request, QueryRun):
        names = (request.workflow_id, request.request_id, request.reply_to, request.run_id, request.query)
    else:
        names = tuple(getattr(request, name, "") for name in _NAMES)
    if max(map(len, names)) > limits.NAME_BYTES // 4:
        for name in names:
            if (size := limits.size(name)) > limits.NAME_BYTES:
                shown = limits.cut(name, limits.NAME_BYTES)
                return f"Expected ids and names of at most {limits.NAME_BYTES} bytes but got one of {size:,}: {shown}"
    if isinstance(request, StartRun) and (request.memo or request.search_attributes):
        return unfit_attributes(request.memo, request.search_attributes)
    return unfit_attributes(b"", request.search_attributes) if isinstance(request, ReadRun) else None


def is_answerable(request: object) -> bool:
    """True when an answer to the request, however unfit it is, fits into a record."""
    names = (getattr(request, "request_id", ""), getattr(request, "reply_to", ""))
    return all(limits.size(name) <= limits.NAME_BYTES for name in names)


def bounded(request: T) -> T:
    """The request with its reason cut, or what it says of an attempt."""
    if isinstance(request, SettleActivity):
        return cast("T", _bounded_outcome(request))
    if len(request.reason) <= limits.MESSAGE_BYTES // 4:
        return request
    return msgspec.structs.replace(request, reason=limits.cut(request.reason))


def bounded_result(result: ActivityResult) -> ActivityResult:
    """The result of an attempt with its texts cut; one that is too large is a failure."""
    if result.result is not None and len(result.result) > limits.PAYLOAD_BYTES:
        message = (
            f"Expected a result of at most {limits.PAYLOAD_BYTES:,} bytes but it has {len(result.result):,}: store "
            f"the data elsewhere and return a reference."
        )
        return msgspec.structs.replace(
            result, result=None, failure=Failure("PayloadTooLarge", message, retryable=False)
        )
    if result.failure is not None:
        delay_ms = min(result.next_delay_ms, limits.DURATION_MS)
        return msgspec.structs.replace(
            result,
            failure=bounded_failure(result.failure),
            next_delay_ms=delay_ms,
            details=_bounded_details(result.details),
        )
    return result


def bounded_heartbeat(beat: Heartbeat) -> Heartbeat:
    """The heartbeat, without details that are too large: that it is one counts all the same."""
    details = _bounded_details(beat.details)
    return beat if details is beat.details else msgspec.structs.replace(beat, details=details)


def _bounded_details(details: bytes | None) -> bytes | None:
    """Those that are too large are left out."""
    return None if details is not None and len(details) > 2 * limits.HEARTBEAT_BYTES else details


def _bounded_outcome(request: SettleActivity) -> SettleActivity:
    """As of an attempt that has ended here."""
    failure = None if request.failure is None else bounded_failure(request.failure)
    payload, most = request.payload, limits.PAYLOAD_BYTES
    if request.what == HEARTBEAT:
        most = 2 * limits.HEARTBEAT_BYTES
    if payload is not None and len(payload) > most:
        payload, what = None, request.what if request.what == HEARTBEAT else FAIL
        failure = Failure("PayloadTooLarge", f"Expected a result of at most {most:,} bytes.", retryable=False)
        return msgspec.structs.replace(request, what=what, payload=payload, failure=failure)
    return msgspec.structs.replace(request, failure=failure)


def bounded_failure(failure: Failure, causes: int = limits.CAUSES) -> Failure:
    """The failure with its texts cut, and of its causes the first ones."""
    cause = None
    if failure.cause is not None and causes > 1:
        cause = bounded_failure(failure.cause, causes - 1)
    return msgspec.structs.replace(
        failure,
        type=limits.cut(failure.type, limits.NAME_BYTES),
        message=limits.cut(failure.message),
        kind=limits.cut(failure.kind, limits.NAME_BYTES),
        stack=limits.cut_start(failure.stack),
        cause=cause,
    )
