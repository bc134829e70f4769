"""What becomes of due times, by policy: without a worker."""

from __future__ import annotations

import random

import pytest

from sagaline._system.schedules import model
from sagaline._system.schedules.book import Book, workflow_id_of
from sagaline._system.schedules.model import Definition, Ended, State

HOUR_MS = 3_600_000


def book(**options: object) -> Book:
    return Book(State("job", Definition("report", [], (), **options)))  # type: ignore[arg-type]


def ended(at_ms: int, status: str = "completed", **details: object) -> Ended:
    return Ended(workflow_id_of("job", at_ms, model.DUE), "run", status, **details)  # type: ignore[arg-type]


def test_ids_of_runs_have_their_due_time() -> None:
    assert workflow_id_of("job", 0, model.DUE) == "job-1970-01-01T00:00:00Z"
    assert workflow_id_of("job", 1_500, model.BACKFILL) == "job-1970-01-01T00:00:01.500Z"
    assert workflow_id_of("job", 0, model.TRIGGER) == "job-1970-01-01T00:00:00Z-trigger"


def test_what_waits_is_bounded_and_said() -> None:
    one = book()
    told = [one.offer(number * 1_000, model.DUE, model.BUFFER_ALL, 0) for number in range(model.BUFFERED + 3)]
    assert told[0] == "fired"
    assert told[-2:] == ["overflowed", "overflowed"]
    assert len(one.state.waiting) == model.BUFFERED
    assert one.state.counts.overflowed == 2


def test_what_is_open_is_bounded_and_said() -> None:
    one = book()
    told = [one.offer(number * 1_000, model.DUE, model.ALLOW_ALL, 0) for number in range(model.OPEN + 1)]
    assert told[-1] == "overflowed"
    assert len(one.state.open) == model.OPEN


def test_a_due_time_that_is_open_or_waits_is_not_taken_again() -> None:
    one = book()
    one.offer(0, model.DUE, model.BUFFER_ALL, 0)
    one.offer(1_000, model.DUE, model.BUFFER_ALL, 0)
    assert one.offer(0, model.BACKFILL, model.ALLOW_ALL, 0) == "refused"
    assert one.offer(1_000, model.BACKFILL, model.ALLOW_ALL, 0) == "refused"
    assert one.state.counts.refused == 2


def test_the_newest_takes_the_place_of_those_that_wait_when_others_are_stopped() -> None:
    one = book()
    for number in range(4):
        one.offer(number * 1_000, model.DUE, model.CANCEL_OTHER, 0)
    begun, stopped = one.take()
    assert [run.due_ms for run in begun] == [0]
    assert {stop.how for stop in stopped} == {"cancel"}
    assert [waits.at_ms for waits in one.state.waiting] == [3_000]
    assert one.state.counts.skipped == 2
    assert one.take() == ([], [])


def test_an_end_that_is_told_twice_or_of_nobody_changes_nothing() -> None:
    one = book()
    one.offer(0, model.DUE, model.SKIP, 0)
    one.end(ended(5_000), 1)
    assert len(one.state.open) == 1
    one.end(ended(0, has_result=True, result=1), 1)
    one.end(ended(0, has_result=True, result=2), 2)
    assert (one.state.last_result, len(one.state.recent)) == (1, 1)


@pytest.mark.parametrize(
    ("status", "pauses"),
    [
        ("completed", False),
        ("cancelled", False),
        ("lost", False),
        ("failed", True),
        ("compensated", True),
        ("terminated", True),
        ("timed_out", True),
        ("refused", True),
    ],
)
def test_which_ends_are_failures(status: str, pauses: bool) -> None:
    one = book(pause_on_failure=True)
    one.offer(0, model.DUE, model.SKIP, 0)
    one.end(ended(0, status, failure_type="DiskFull", failure_message="full " * 1_000), 1)
    assert one.state.paused is pauses
    if pauses:
        assert one.state.note.startswith(f"job-1970-01-01T00:00:00Z {status}: DiskFull: full")
        assert len(one.state.note) <= model.NOTE_BYTES
        assert one.state.paused_by == "pause_on_failure"


def test_a_run_that_was_there_is_no_failure() -> None:
    one = book(pause_on_failure=True)
    one.offer(0, model.BACKFILL, model.SKIP, 0)
    one.end(ended(0, "refused", failure_type="IdUsed"), 1)
    assert (one.state.paused, one.state.counts.fired, one.state.counts.refused) == (False, 0, 1)


@pytest.mark.parametrize("seed", range(20))
def test_every_due_time_is_counted_once(seed: int) -> None:
    """Whatever happens in whichever order: fired, skipped, overflowed, refused or waiting."""
    draw, one, offered = random.Random(seed), book(), 0
    for number in range(300):
        if draw.random() < 0.6:
            one.offer(number * 1_000, draw.choice([model.DUE, model.BACKFILL]), draw.choice(model.OVERLAPS), number)
            offered += 1
        elif one.state.open:
            run = draw.choice(one.state.open)
            one.end(Ended(run.workflow_id, "run", draw.choice(["completed", "cancelled", "failed"])), number)
        one.next_waiting(number)
        counts = one.state.counts
        told = counts.fired + counts.skipped + counts.overflowed + counts.refused + len(one.state.waiting)
        assert told == offered, f"seed {seed}"
        assert len({run.workflow_id for run in one.state.open}) == len(one.state.open)
        assert len(one.state.recent) <= model.RECENT
