"""The public form of history: every event there is, in words, without internals."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from sagaline._model import events
from sagaline._model.attributes import SearchAttribute
from sagaline._model.codec import encode
from sagaline._model.failure import Failure, RetryPolicy
from sagaline._model.records import History
from sagaline._model.wills import Will
from sagaline._payloads import NO_CODECS
from sagaline.cli.shapes import plain
from sagaline.client.events import public_events
from sagaline.client.payloads import ClientPayloads
from sagaline.client.threads import Threads

FAILURE = Failure("CardDeclined", "no", stack="line 1", retryable=False, cause=Failure("OSError", "no route"))
SAMPLES: dict[Any, Any] = {
    str: "text",
    int: 7,
    bool: True,
    bytes: b'{"a": 1}',
    Failure: FAILURE,
    RetryPolicy: RetryPolicy(),
    tuple[int, ...]: (1, 2),
    events.AttemptLimits | None: events.AttemptLimits(5_000, on_exhausted="park"),
    events.SagaStep | None: events.SagaStep(2, "pivot"),
    tuple[Will, ...]: (Will("run", 1, "lock", "release", b"[]"),),
    tuple[SearchAttribute, ...]: (SearchAttribute("due", "datetime", "2026-11-29T10:00:00.000000+00:00"),),
    events.Fork: events.Fork(
        ("run-1",), (5,), 1_764_000_000_000, "request", "a bad deploy", "ann@laptop", False, 0, ""
    ),
}
INTERNAL = {"request_id", "reply_to", "reply_partition", "reply_when", "version", "first_event_id", "epoch"}


def sample(kind: type[Any]) -> Any:
    hints = {field.name: field.type for field in msgspec.structs.fields(kind)}
    values = {name: SAMPLES[hint] for name, hint in hints.items() if hint in SAMPLES and name != "version"}
    return kind(**values)


async def shown(*of: Any) -> Any:
    record = History(1, 1_764_000_000_000, "w", "r", 5, 0, 0, 0, (), False, of)
    return await public_events([encode(record)], ClientPayloads(NO_CODECS, Threads()))


@pytest.mark.parametrize("kind", events.EVENTS, ids=lambda kind: kind.__name__)
async def test_every_event_is_shown_in_words_and_without_internals(kind: type[Any]) -> None:
    (event,) = await shown(sample(kind))
    assert event.type == event.type.lower()
    assert event.type.replace(" ", "") == kind.__name__.lower()
    assert (event.id, event.at) == (5, datetime.fromtimestamp(1_764_000_000, UTC))
    assert not INTERNAL & set(event.details)
    assert not any(name.endswith("_ms") for name in event.details), "times are times, durations are seconds"
    assert all(type(value).__module__ in ("builtins", "datetime") for value in event.details.values())
    json.dumps(plain(event))


async def test_details_are_values_a_person_can_read() -> None:
    failed, timer, started = await shown(
        events.ActivityAttemptFailed(3, 2, FAILURE, 1_764_000_004_000),
        events.TimerStarted(4, 1_764_000_009_000),
        events.RunStarted("fulfil", b'[{"id": "1"}]', "q", "c", 0, "closed"),
    )
    assert failed.details == {
        "step": 3,
        "attempt": 2,
        "failure": {
            "type": "CardDeclined",
            "message": "no",
            "kind": "application",
            "stack": "line 1",
            "retryable": False,
            "cause": {"type": "OSError", "message": "no route", "kind": "application"},
        },
        "retry_at": datetime.fromtimestamp(1_764_000_004, UTC),
    }
    assert timer.details["due_at"] == datetime.fromtimestamp(1_764_000_009, UTC)
    assert started.details == {"workflow": "fulfil", "input": [{"id": "1"}]}
    assert [failed.id, timer.id, started.id] == [5, 6, 7]


async def test_a_payload_that_is_no_json_is_shown_all_the_same() -> None:
    broken, deep = await shown(events.RunCompleted(b"\x01\x02"), events.RunCompleted(b"[" * 100_000))
    assert broken.details == {"result": "<2 bytes that are not read here>"}
    assert set(deep.details) == {"result"}
