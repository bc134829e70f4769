"""Children of a run: those that have ended take no room."""

from __future__ import annotations

import pytest
from script import Script

from sagaline import workflow
from sagaline._model.events import ChildBegan, ChildEnded, ChildRequested, RunCompleted, TimerStarted
from sagaline._model.failure import Failure
from sagaline._runtime import children
from sagaline._runtime.bugs import UnknownStep


@workflow
async def one(number: int) -> int:
    return number


@workflow
async def one_by_one(numbers: int) -> int:
    return sum([await one(number) for number in range(numbers)])


@workflow
async def leaves_it() -> int:
    """Waits for its child's beginning alone."""
    await workflow.start_child(one, 1)
    await workflow.sleep(1)
    return 1


def test_only_children_that_have_not_ended_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "CHILDREN", 2)
    script = Script(one_by_one, b"[5]")
    for number in range(1, 6):
        assert [type(command) for command in script.commands] == [ChildRequested]
        script.step(ChildBegan(number, "child"), ChildEnded(number, "completed", b"1"))
    assert script.commands == [RunCompleted(b"5")]


def test_a_child_ends_once_also_when_nobody_waits_for_it() -> None:
    script = Script(leaves_it)
    assert [type(command) for command in script.step(ChildBegan(1, "child"))] == [TimerStarted]
    assert script.step(ChildEnded(1, "failed", None, Failure("Broken", "it is"))) == []
    with pytest.raises(UnknownStep):
        script.step(ChildEnded(1, "completed", b"1"))
