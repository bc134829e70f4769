"""The public form of a run's history: one plain event each, in words, with its payloads opened."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from sagaline._engine.beginnings import decoded, points
from sagaline._host.runs.sealing import place_of
from sagaline._model.events import (
    AttemptLimits,
    Event,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunReplaced,
    RunTerminated,
    SagaStep,
    SearchAttributesChanged,
    SignalReceived,
    SignalsHandled,
    WillsInherited,
)
from sagaline._model.failure import Failure, RetryPolicy
from sagaline._model.forks import Fork
from sagaline._runtime.attributes import values_of
from sagaline.client.payloads import ClientPayloads
from sagaline.client.types import HistoryEvent

_WORDS = re.compile(r"(?<!^)(?=[A-Z])")
_INTERNAL = frozenset({"request_id", "reply_to", "reply_partition", "reply_when", "outcomes", "version"})
_OPTIONAL = frozenset(
    {
        *("continued_from", "first_run_id", "parent_id", "parent_run_id", "parent_step", "delay_ms", "deadline"),
        *("compensates_run", "sender_id", "sender_run_id", "sender_step", "target_run_id", "signal", "input", "memo"),
        *("queue", "payload", "wants_ledger", "ledger", "steps", "pivot", "of_child"),
        *("kept_ms", "begins_at", "kept_until"),
    }
)
"""Left out where they say nothing."""
_ENDS = (RunCompleted, RunFailed, RunCancelled, RunTerminated, RunReplaced)
"""Those after which no code receives what still waits: a run that continues as new hands it on."""
_SEARCH = "search_attributes"
_TIMES = frozenset({"due_at", "retry_at", "deadline", "begins_at", "kept_until"})


async def public_events(records: Sequence[bytes], payloads: ClientPayloads) -> list[HistoryEvent]:
    """The events in the records of a whole history, in order. The run's end says which signals it has not received."""
    events: list[HistoryEvent] = []
    waiting: dict[int, str] = {}  # signals that have not been handled: their names, by number
    signals = 0
    history = list(decoded(records))
    resettable = set(points(history))
    for record in history:
        at = at_ms(record.at)
        for number, event in enumerate(record.events, record.first_event_id):
            details = await _details(record.run_id, event, payloads)
            if isinstance(event, SignalReceived):
                signals += 1
                waiting[signals] = event.signal
            elif isinstance(event, SignalsHandled):
                for handled in event.numbers:
                    waiting.pop(handled, None)
            elif isinstance(event, _ENDS) and waiting:
                details["signals_left"] = dict(Counter(waiting.values()))
            events.append(HistoryEvent(number, at, type_of(event), details, number in resettable))
    return events


def type_of(event: Event) -> str:
    """What happened, in words: ``activity scheduled``."""
    return _WORDS.sub(" ", type(event).__name__).lower()


def at_ms(milliseconds: int) -> datetime:
    """A time on the wire as a datetime, in UTC."""
    return datetime.fromtimestamp(milliseconds / 1_000, UTC)


async def _details(run_id: str, event: Event, payloads: ClientPayloads) -> dict[str, Any]:
    details: dict[str, Any] = {}
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if name in _INTERNAL or value is None or (not value and name in _OPTIONAL):
            continue
        if name == "scope" and value < 0:
            continue
        if name in _TIMES:
            details[name] = at_ms(value)
        elif name.endswith("_ms"):
            details[f"{name[:-3]}_s"] = value / 1_000
        elif isinstance(value, bytes):
            details[name] = await payloads.shown(place_of(run_id, event, name), value)
        elif name == _SEARCH:
            if value or isinstance(event, SearchAttributesChanged):
                details[name] = values_of(value)
        elif isinstance(value, Failure):
            details[name] = failure_details(value)
        elif isinstance(value, RetryPolicy):
            details[name] = msgspec.structs.asdict(value)
        elif isinstance(value, Fork):
            details[name] = fork_details(value)
        elif isinstance(value, AttemptLimits | SagaStep):
            details[name] = _said(value)
        elif isinstance(event, WillsInherited) and name == "wills":  # what each says was shown when it was left
            details[name] = [
                {"run_id": will.run_id, "step": will.step, "target_id": will.target_id, "signal": will.signal}
                for will in event.wills
            ]
        else:
            details[name] = value
    return details


def _said(value: AttemptLimits | SagaStep) -> dict[str, Any]:
    """What a part of an event says, without what it leaves open; times in seconds."""
    said = {name: part for name, part in msgspec.structs.asdict(value).items() if part}
    return {
        f"{name[:-3]}_s" if name.endswith("_ms") else name: part / 1_000 if name.endswith("_ms") else part
        for name, part in said.items()
    }


def fork_details(fork: Fork) -> dict[str, Any]:
    """Where the first events of a run are copied from, and why."""
    return {
        "run_id": fork.run_id,
        "to_event": fork.event_id,
        "at": at_ms(fork.at).isoformat(),
        "reason": fork.reason,
        "by": fork.by,
    }


def failure_details(failure: Failure) -> dict[str, Any]:
    """A failure as values of JSON; what it does not say is left out."""
    details: dict[str, Any] = {"type": failure.type, "message": failure.message, "kind": failure.kind}
    if failure.stack:
        details["stack"] = failure.stack
    if not failure.retryable:
        details["retryable"] = False
    if failure.cause is not None:
        details["cause"] = failure_details(failure.cause)
    return details
