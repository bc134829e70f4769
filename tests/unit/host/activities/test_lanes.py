"""Which of the attempts that wait for a worker begins next."""

from __future__ import annotations

from typing import Any

import flow_sagas

from sagaline import Activity
from sagaline._engine.tables.activities import ActivityRow
from sagaline._host.activities.attempts import Attempt
from sagaline._host.activities.lanes import Lane, Waiting
from sagaline._model.activities import ActivityScheduled, AttemptLimits
from sagaline._model.failure import RetryPolicy

LANE: Lane[Attempt] = Lane("slots on the loop", 1)


def attempt(kind: Activity[..., Any], number: int, priority: int = 0, key: str = "") -> Attempt:
    limits = AttemptLimits(priority=priority, fairness_key=key) if priority or key else None
    scheduled = ActivityScheduled(number, kind.name, b"[]", 1_000, RetryPolicy(), limits=limits)
    return Attempt((("n", 0), "run", number), ActivityRow("w", scheduled, 1), kind.definition, LANE)


def order(attempts: list[Attempt]) -> list[int]:
    waiting: Waiting[Attempt] = Waiting()
    for one in attempts:
        waiting.add(one)
    assert len(list(waiting)) == len(waiting) == len(attempts)
    served: list[int] = []
    while waiting:
        following, _ = waiting.next(0.0)
        assert following is not None
        served.append(following.key[2])
    return served


def test_kinds_take_turns_and_those_of_one_kind_keep_their_order() -> None:
    mails = [attempt(flow_sagas.mail, number) for number in (1, 2, 3)]
    assert order([*mails, attempt(flow_sagas.fair, 4)]) == [1, 4, 2, 3]


def test_a_higher_priority_begins_first_and_none_said_is_three() -> None:
    said = [5, 3, 0, 1, 2]
    assert order([attempt(flow_sagas.mail, number, one) for number, one in enumerate(said)]) == [3, 4, 1, 2, 0]


def test_fairness_keys_take_turns_within_a_priority() -> None:
    keys = ["a", "a", "a", "b", "c"]
    assert order([attempt(flow_sagas.mail, number, 3, key) for number, key in enumerate(keys)]) == [0, 3, 4, 1, 2]


def test_a_flood_of_keys_of_one_kind_does_not_hold_up_another_kind() -> None:
    flood = [attempt(flow_sagas.mail, number, 0, str(number)) for number in range(50)]
    assert order([*flood, attempt(flow_sagas.fair, 99)]).index(99) == 1


def test_one_that_waits_no_more_is_taken_out() -> None:
    waiting: Waiting[Attempt] = Waiting()
    first, second = (attempt(flow_sagas.mail, number, 1, "a") for number in (1, 2))
    waiting.add(first)
    waiting.add(second)
    assert waiting.before(second) == 1
    waiting.discard(first)
    waiting.discard(first)
    assert waiting.next(0.0) == (second, None)
    assert not waiting
