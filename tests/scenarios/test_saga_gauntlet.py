"""Scenario 10 in each mode: every armed step is compensated once by key, or the saga waits for a person."""

from __future__ import annotations

from typing import Any

import pytest
from saga_gauntlet import CODE, STEPS, WAYS, Plan, order, scenario_of, trip
from three_modes import in_each_mode

ALL = ["a", "b", "c", "d", "f", "p"]


def ends(plan: Plan, repairs: str = "", code: Any = order) -> Any:
    return in_each_mode(CODE, scenario_of(plan, repairs, code))["normal"].returned


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("way", WAYS)
def test_a_step_fails_and_all_that_was_done_is_undone_once(way: str, name: str) -> None:
    if way in ("cancelled", "terminated") and name in ("b", "c"):
        name = "b"  # what runs beside it is done by then
    status, stands, undone = ends({name: way})
    assert status == ("cancelled" if way == "cancelled" else "compensated")
    assert stands == []
    before = {"a": [], "b": ["a", "c"], "c": ["a"], "d": ["a", "b", "c"]}[name]
    assert set(before) <= set(undone)
    assert (name in undone) == (way != "declined"), "one that may have been done is undone, one that said no is not"


@pytest.mark.parametrize(
    ("plan", "repairs", "expected"),
    [
        ({}, "", ["completed", ALL, []]),
        ({"p": "none"}, "", ["compensated", ["f"], ["a", "b", "c", "d"]]),
        ({"p": "none", "b": "undo parks"}, "retry", ["compensated", ["f"], ["a", "b", "c", "d"]]),
        ({"p": "declined"}, "", ["compensated", [], ["a", "b", "c", "d"]]),
        ({"p": "parks"}, "retry", ["completed", ALL, []]),
        ({"p": "parks"}, "skip", ["compensated", ["p"], ["a", "b", "c", "d"]]),
        ({"f": "parks"}, "retry", ["completed", ALL, []]),
        ({"f": "declined"}, "done", ["completed", ["a", "b", "c", "d", "p"], []]),
        ({"a": "undo thrice", "p": "declined"}, "", ["compensated", [], ["a", "b", "c", "d"]]),
        ({"b": "undo parks", "p": "declined"}, "retry", ["compensated", [], ["a", "b", "c", "d"]]),
        ({"b": "undo never", "p": "declined"}, "skip", ["compensated", [], ["a", "b", "c", "d"]]),
        ({"b": "undo never", "p": "declined"}, "done", ["compensated", [], ["a", "b", "c", "d"]]),
    ],
)
def test_pivots_and_compensations(plan: Plan, repairs: str, expected: list[Any]) -> None:
    assert ends(plan, repairs) == expected


@pytest.mark.parametrize(
    ("plan", "repairs", "expected"),
    [
        ({}, "", ["completed", ["a", "g", "n1", "n2", "z"], []]),
        ({"z": "declined"}, "", ["compensated", [], ["a", "g", "n1", "n2"]]),
        ({"z": "lost", "n2": "undo thrice"}, "", ["compensated", [], ["a", "g", "n1", "n2", "z"]]),
        ({"z": "cancelled"}, "", ["cancelled", [], ["a", "g", "n1", "n2", "z"]]),
        ({"n1": "declined"}, "", ["compensated", [], ["a", "n2"]]),
        ({"g": "lost"}, "", ["compensated", [], ["a", "g", "n1", "n2"]]),
        ({"z": "declined", "n2": "undo parks"}, "retry", ["compensated", [], ["a", "g", "n1", "n2"]]),
        ({"z": "declined", "g": "undo never"}, "skip", ["compensated", [], ["a", "g", "n1", "n2"]]),
    ],
)
def test_children_that_have_completed_are_undone_with_their_parent(plan: Plan, repairs: str, expected: Any) -> None:
    assert ends(plan, repairs, trip) == expected
