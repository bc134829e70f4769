"""What events weigh is never less than what they take in a record."""

from __future__ import annotations

import typing
from typing import Any

import pytest

from sagaline._host.runs.weights import PAYLOADS, in_parts, weight
from sagaline._model.activities import AttemptLimits, SagaStep
from sagaline._model.attributes import SearchAttribute
from sagaline._model.codec import encode
from sagaline._model.events import EVENTS, Event, Fork, OutcomeRequest, RunParked
from sagaline._model.failure import Failure, RetryPolicy
from sagaline._model.limits import ACTIVATION_BYTES
from sagaline._model.records import ActivityResult, History
from sagaline._model.wills import Will

WIDE = "\U0001f600"  # four bytes
FAILURE = Failure("Boom", WIDE * 1_000, stack="s" * 4_000, cause=Failure("Before", WIDE * 500))
BY_NAME = {"reason": WIDE * 2_000, "workflow": WIDE * 60, "activity": WIDE * 60, "compensation": WIDE * 60}
BY_NAME |= {"patch": WIDE * 60, "signal": WIDE * 60, "request_id": "r" * 36, "reply_to": WIDE * 60}
BY_NAME |= {"sender_id": WIDE * 60, "target_id": WIDE * 60}
BY_NAME |= {"queue": WIDE * 60, "by": WIDE * 60, "action": "retry"}
BY_NAME |= {"child_id": WIDE * 60, "parent_id": WIDE * 60}
NUMBERS = (2**31 - 1,) * 1_000
FORK = Fork(("i" * 32,) * 50, (2**31 - 1,) * 50, 2**62, "r" * 36, WIDE * 2_000, WIDE * 60, True, 2**31 - 1, "i" * 32)
BY_TYPE: dict[Any, Any] = {
    AttemptLimits | None: AttemptLimits(2**62, 2**62, 2**62, "park"),
    SagaStep | None: SagaStep(2**31 - 1, "irreversible", True),
    tuple[Will, ...]: (Will("r" * 36, 2**31 - 1, WIDE * 60, WIDE * 60, b"x" * 1_000),) * 5,
    Fork: FORK,
    Fork | None: FORK,
    int: 2**31 - 1,
    bool: True,
    OutcomeRequest | None: OutcomeRequest("brief", 2**31 - 1, 2**31 - 1, 2**62),
    tuple[int, ...]: NUMBERS,
    tuple[SearchAttribute, ...]: (SearchAttribute(WIDE * 25, "datetime", WIDE * 500),) * 4,
    bytes: b"x" * 10_000,
    str: "i" * 32,
    str | None: "i" * 32,
    bytes | None: b"x" * 10_000,
    Failure | None: FAILURE,
    int | None: 2**31 - 1,
    Failure: FAILURE,
    RetryPolicy: RetryPolicy(non_retryable=(WIDE * 50,) * 20),
}


def heavy(kind: type[Event]) -> Event:
    values: dict[str, Any] = {}
    for name, annotation in typing.get_type_hints(kind).items():
        values[name] = BY_NAME.get(name) or BY_TYPE[annotation]
    if kind is RunParked:
        values["reason"] = "quarantined"  # a word of the engine's
    return kind(**values)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_no_event_takes_more_than_it_weighs(kind: type[Event]) -> None:
    event = heavy(kind)
    empty, full = (History(0, 0, "w", "r", 1, 0, 0, 0, (), False, events) for events in ((), (event,)))
    assert len(encode(full)) - len(encode(empty)) <= weight(event)


def test_every_payload_is_weighed() -> None:
    for kind, name in PAYLOADS.items():
        if kind in EVENTS:
            light = heavy(kind)
            assert weight(light) >= len(getattr(light, name))
    assert weight(ActivityResult("w", "r", 1, 1, result=b"x" * 9_000)) >= 9_000
    assert weight(ActivityResult("w", "r", 1, 1, failure=FAILURE)) >= 8_000
    assert weight(ActivityResult("w", "r", 1, 1)) < 1_000


def test_inputs_that_are_too_heavy_together_come_in_parts() -> None:
    third = ActivityResult("w", "r", 1, 1, result=b"x" * (ACTIVATION_BYTES // 3))
    assert [len(part) for part in in_parts([third] * 3)] == [1, 1, 1]
    assert [len(part) for part in in_parts([ActivityResult("w", "r", 1, 1, result=b"1")] * 250)] == [100, 100, 50]
