"""What answers say, and long ones in numbered parts that are made a step at a time."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from partition_rows import PartitionRows, run_id, started

from sagaline._host.reading import answers
from sagaline._host.reading.waiters import Asker
from sagaline._model.codec import encode
from sagaline._model.descriptions import OpenStep, ParkedRun, RunDescription, RunSummary
from sagaline._model.events import (
    ActivityAttemptFailed,
    ActivityCompleted,
    ActivityScheduled,
    RunCompleted,
    RunParked,
    RunResumed,
    TimerStarted,
)
from sagaline._model.failure import Failure, RetryPolicy
from sagaline._model.limits import RECORD_BYTES
from sagaline._model.records import ReadRun, Reply

ASKER = Asker("request", "id", "client", 0)


def activity(step: int, name: str = "charge_card", **more: Any) -> ActivityScheduled:
    return ActivityScheduled(step, name, b"[]", 1_000, RetryPolicy(), **more)


def made(parts: answers.Parts) -> list[Reply]:
    return [part for part in parts if part is not None]


def described(rows: PartitionRows, workflow_id: str = "id") -> RunDescription:
    run = rows.state.run(workflow_id)
    assert run is not None
    reply = answers.description(ASKER, run, rows.state)
    return msgspec.json.decode(reply.result or b"", type=RunDescription)


def test_parts_are_numbered_and_give_every_record_once(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(50):
        sizes = [chance.choice([1, 1_000, 200_000, 599_999, 700_000]) for _ in range(chance.randrange(30))]
        rows = [(b"%04d" % number, bytes([number]) * size) for number, size in enumerate(sizes)]
        shown = [(key, value if chance.random() < 0.8 else None) for key, value in rows]

        def read(after: bytes, shown: Any = shown) -> Any:
            return iter([row for row in shown if row[0] > after])

        parts = made(answers.parts(Reply("r", "", "", "runs", ""), read))
        assert [part.part for part in parts] == list(range(len(parts)))
        assert [part.more for part in parts] == [True] * (len(parts) - 1) + [False]
        assert [record for part in parts for record in part.records] == [v for _, v in shown if v is not None]
        assert all(len(encode(part)) <= RECORD_BYTES for part in parts)


def test_a_step_looks_at_a_bounded_number_of_rows() -> None:
    looked_at = 0

    def read(after: bytes) -> Any:
        nonlocal looked_at
        for number in range(int(after or b"-1") + 1, 10_000):
            looked_at += 1
            yield b"%05d" % number, b"x" if number == 9_999 else None

    steps, before = 0, 0
    for part in answers.parts(Reply("r", "", "", "runs", ""), read):
        assert looked_at - before <= 501
        before, steps = looked_at, steps + 1
        assert part is None or part.records == (b"x",)
    assert steps >= 20


def test_a_description_tells_what_a_run_waits_for() -> None:
    rows = PartitionRows()
    failure = Failure("CardDeclined", "no money " * 1_000, stack="a stack" * 100)
    rows.append("id", started(), activity(1, "reserve"), activity(2), TimerStarted(3, 9_000))
    rows.append("id", ActivityAttemptFailed(2, 1, Failure("Other", "first"), 2_000), at=1_500)
    rows.append("id", ActivityAttemptFailed(2, 2, failure, 4_000), at=2_500)
    shown = described(rows)
    assert (shown.workflow, shown.open_steps, shown.started_at_ms, shown.last_at_ms) == ("w", 3, 1_000, 2_500)
    reserve, charge, timer = shown.waits_for
    assert reserve == OpenStep(1, "activity", 0, "reserve", 1)
    assert (charge.step, charge.activity, charge.attempt, charge.at_ms) == (2, "charge_card", 3, 4_000)
    assert charge.failure_type == "CardDeclined"
    assert charge.failure_message.startswith("no money no money")
    assert len(charge.failure_message) <= 500
    assert timer == OpenStep(3, "timer", 9_000)
    rows.append("id", ActivityCompleted(2, 3, b"1"))
    assert [step.step for step in described(rows).waits_for] == [1, 3]


def test_a_description_shows_fifty_steps_of_a_thousand() -> None:
    rows = PartitionRows()
    rows.append("id", started(), *(TimerStarted(step, 9_000) for step in range(1, 1_001)))
    shown = described(rows)
    assert shown.open_steps == 1_000
    assert [step.step for step in shown.waits_for] == list(range(1, 51))


def test_a_parked_run_waits_since_it_was_parked_first() -> None:
    rows = PartitionRows()
    rows.append("id", started(), TimerStarted(1, 9_000))
    rows.append("id", RunParked("bug", Failure("KeyError", "'x'")), at=2_000)
    rows.append("id", ActivityScheduled(2, "a", b"[]", 1, RetryPolicy()), at=3_000)
    rows.append("id", RunParked("bug", Failure("KeyError", "'y'")), at=4_000)
    assert described(rows).parked_at_ms == 2_000
    run = rows.state.run("id")
    assert run is not None
    (listed,) = made(answers.parked(ASKER, rows.state))[0].records
    assert msgspec.json.decode(listed, type=ParkedRun) == ParkedRun(
        "id", run_id("id"), "w", 2_000, 5, "KeyError", "'y'"
    )
    rows.append("id", RunResumed("worker"), at=5_000)
    assert described(rows).parked_at_ms is None
    assert made(answers.parked(ASKER, rows.state))[0].records == ()


def test_runs_of_a_partition_are_listed_by_status() -> None:
    rows = PartitionRows()
    for number in range(30):
        rows.append(f"run-{number:02}", started())
        if number % 3 == 0:
            rows.append(f"run-{number:02}", RunCompleted(b"1"), at=2_000)

    def listed(status: str) -> list[RunSummary]:
        (part,) = made(answers.runs(ASKER, ReadRun("q", "", "runs", "", 0, "", status), rows.state))
        return [msgspec.json.decode(record, type=RunSummary) for record in part.records]

    assert [run.workflow_id for run in listed("")] == [f"run-{number:02}" for number in range(30)]
    assert [run.workflow_id for run in listed("completed")] == [f"run-{number:02}" for number in range(0, 30, 3)]
    assert listed("completed")[0] == RunSummary("run-00", run_id("run-00"), "w", "completed", 1_000, 2_000, 2_000, 2)
    assert listed("parked") == []


def big_history(records: int = 40, size: int = 100_000) -> tuple[PartitionRows, list[bytes]]:
    rows = PartitionRows()
    written = [rows.append("id", started(), activity(1))]
    for step in range(1, records):
        written.append(rows.append("id", ActivityCompleted(step, 1, b"x" * size), activity(step + 1)))
    return rows, written


def test_a_history_is_as_it_stood_when_it_was_asked_for() -> None:
    rows, written = big_history()
    run = rows.state.run("id")
    assert run is not None
    parts = answers.history(ASKER, run, rows.state, lambda: True)
    first = next(parts)
    assert first is not None
    for step in range(40, 60):
        rows.append("id", ActivityCompleted(step, 1, b"x" * 100_000), activity(step + 1))
    pieces = [first, *made(parts)]
    assert [record for piece in pieces for record in piece.records] == written
    assert len(pieces) > 5
    assert [piece.part for piece in pieces] == list(range(len(pieces)))


def test_a_run_that_is_retired_while_its_history_is_sent_is_a_refusal() -> None:
    rows, _ = big_history()
    run = rows.state.run("id")
    assert run is not None
    there = True
    parts = answers.history(ASKER, run, rows.state, lambda: there)
    assert next(parts) is not None
    there = False
    (last,) = made(parts)
    assert (last.kind, last.failure and last.failure.type) == ("refused", "WorkflowNotFound")


@pytest.mark.parametrize("length", [10, 500_000])
def test_a_refusal_fits_whatever_the_request_says(length: int) -> None:
    reply = answers.refused(Asker("r", "i" * length, "client", 0), "WorkflowNotFound", "m" * length)
    assert len(encode(reply)) < 10_000
