"""Bytes that events and inputs take in a record, never less than they will: the size of a record is known before
anything of it is applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sagaline._model import events, limits
from sagaline._model.failure import Failure
from sagaline._model.records import ActivityResult, SignalRun

_OVERHEAD_BYTES = 300
_FAILURE_BYTES = 60
_INPUTS = 100
"""Inputs of one activation."""
_INPUT_BYTES = limits.ACTIVATION_BYTES // 2
"""Bytes of the inputs of one activation, if there are several: as much again is for what the code asks for."""
PAYLOADS: dict[type[Any], str] = {
    events.RunStarted: "input",
    events.ActivityScheduled: "input",
    events.ActivityCompleted: "result",
    events.RunCompleted: "result",
    events.SignalReceived: "input",
    ActivityResult: "result",
    SignalRun: "input",
}
"""The field of an event that holds a payload."""
_REASONS = (events.CancelRequested, events.RunCancelled, events.RunTerminated)
T = TypeVar("T")


def weight(event: object) -> int:
    """Bytes of an event, or of what an input becomes, in a record at most."""
    kind = type(event)
    name = PAYLOADS.get(kind)
    total = _OVERHEAD_BYTES + (len(getattr(event, name) or b"") if name is not None else 0)
    if kind is events.ActivityScheduled:
        total += _scheduled(event)  # type: ignore[arg-type]
    elif kind is events.RunStarted:
        total += 4 * (len(event.workflow) + len(event.request_id) + len(event.reply_to))  # type: ignore[attr-defined]
    elif kind is events.PatchMarked:
        total += 4 * len(event.patch)  # type: ignore[attr-defined]
    elif kind is events.SignalReceived or kind is SignalRun:
        total += 4 * (len(event.signal) + len(event.request_id))  # type: ignore[attr-defined]
    elif kind is events.SignalsHandled:
        total += 5 * len(event.numbers)  # type: ignore[attr-defined]
    elif kind in _REASONS:
        total += 4 * len(event.reason)  # type: ignore[attr-defined]
    failure = getattr(event, "failure", None)
    return total if failure is None else total + _failure(failure)


def _scheduled(event: events.ActivityScheduled) -> int:
    total = 4 * (len(event.activity) + len(event.compensation or ""))
    if event.retry.non_retryable:
        total += sum(4 * len(name) + 8 for name in event.retry.non_retryable)
    return total


def _failure(failure: Failure | None) -> int:
    total = 0
    while failure is not None:
        total += _FAILURE_BYTES + sum(map(limits.size, (failure.type, failure.message, failure.kind, failure.stack)))
        failure = failure.cause
    return total


def in_parts(inputs: list[T], most: int = _INPUTS, weigh: Callable[[T], int] = weight) -> list[list[T]]:
    """Inputs of one run in parts that fit into a record each, of ``most`` inputs."""
    if len(inputs) == 1:
        return [inputs]
    parts: list[list[T]] = [[]]
    total = 0
    for item in inputs:
        grown = weigh(item)
        if parts[-1] and (len(parts[-1]) >= most or total + grown > _INPUT_BYTES):
            parts.append([])
            total = 0
        parts[-1].append(item)
        total += grown
    return parts
