"""How things stand, in words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sagaline import OpenStep, SagaSummary, StepWait
from sagaline.client import words

NOW = datetime(2026, 11, 25, 13, 40, 5, tzinfo=UTC)
SINCE = datetime(2026, 11, 25, 13, 37, 5, tzinfo=UTC)
FOR = "since 2026-11-25 13:37:05 UTC (3 min)"


def test_what_nothing_readable_dates_is_not_of_1970() -> None:
    assert words.clock(datetime.fromtimestamp(0, UTC)) == "unknown"
    assert words.clock(NOW) == "2026-11-25 13:40:05 UTC"


@pytest.mark.parametrize(
    ("wait", "says"),
    [
        (
            StepWait("slot", "threads", "16", SINCE, 3),
            f"a slot {FOR}: all 16 threads of the worker are taken; number 3",
        ),
        (StepWait("concurrency", "charge", "2", SINCE, 1), f"a slot {FOR}: at most 2 of charge run at once; number 1"),
        (StepWait("rate", "charge", "6/m", SINCE, 1), f"its turn {FOR}: at most 6/m of charge begin; number 1"),
        (StepWait("moon", "full"), "moon full"),
    ],
)
def test_a_step_says_what_its_attempt_waits_for(wait: StepWait, says: str) -> None:
    text = words.step(OpenStep(1, "activity", "charge", waits_for=wait), NOW)
    assert text.startswith(f"charge; it waits for {says}")


def test_a_step_of_a_queue_says_once_that_it_waits_there() -> None:
    wait = StepWait("queue", "gpu", since=SINCE)
    step = OpenStep(1, "activity", "draw", queue="gpu", queued_since=SINCE, waits_for=wait)
    assert words.step(step, NOW) == f'draw; it waits for a worker of queue "gpu" {FOR}'


def test_a_saga_in_short() -> None:
    assert words.saga(SagaSummary(1, 0, 0, 0, None)) == "saga: 1 step done"
    assert words.saga(SagaSummary(3, 1, 2, 1, "pay")) == (
        "saga: 3 steps done, 2 of unknown outcome; 1 undone; 1 parked; the pivot pay is done"
    )
