"""What a run hands to the one that has started it, or that it goes on as, for that one to undo."""

from __future__ import annotations

import msgspec
import pytest
from child_sagas import AsChild, ends, leaf, left_by, paid, parts, pay, reported, script_of, undone
from script import names, store

from sagaline import saga, workflow
from sagaline._model import events as e
from sagaline._model import limits
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.sagas import ledger


def test_a_saga_hands_up_what_it_has_done() -> None:
    child = AsChild(leaf, b'["x"]')
    child.done(1, b'"X"')
    child.done(2)
    assert reported(child) == ([("r", 1), ("r", 2)], "")
    assert isinstance(child.commands[-1], e.RunCompleted)
    child.check_replay()
    alone = script_of(leaf, b'["x"]')
    alone.done(1)
    assert names(alone.done(2)) == ["RunCompleted"]


def test_a_workflow_hands_up_what_its_children_and_parts_have_done_also_when_it_fails() -> None:
    child = AsChild(parts, b'["x"]')
    (asked,) = child.commands
    assert isinstance(asked, e.ChildRequested)
    assert (asked.wants_ledger, asked.scope) == (True, -1)
    ends(child, 1, left_by("g", 1, 2))
    child.done(3)
    child.fails(4)
    assert isinstance(child.commands[-1], e.RunFailed)
    assert reported(child) == ([("g", 1), ("g", 2), ("r", 3)], "")
    child.check_replay()


def test_a_saga_that_was_rolled_back_hands_up_nothing() -> None:
    child = AsChild(leaf, b'["x"]')
    child.done(1)
    child.fails(2, clean=True)
    assert undone(child) == [("", 1, 0)]
    assert names(child.commands) == ["RunFailed"]


def test_behind_its_pivot_a_child_hands_up_the_pivot_alone() -> None:
    child = AsChild(paid, b'["x"]')
    child.done(1)
    child.done(2, b"null")
    assert reported(child) == ([], "pay")


def test_too_much_to_hand_up_parks_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CARRIED_STEPS", 1)
    child = AsChild(leaf, b'["x"]')
    child.done(1)
    with pytest.raises(WorkflowBug, match=r"a child that its parent may undo to have at most 1 steps .* has 2 with"):
        child.done(2)


@saga
async def goes_on() -> None:
    await leaf("a")
    await store("b")
    goes_on.continue_as_new()


def test_what_children_have_done_goes_along_as_new() -> None:
    script = script_of(goes_on)
    ends(script, 1, left_by("c", 1))
    script.done(2)
    carried, last = script.commands
    assert isinstance(carried, e.LedgerCarried)
    assert isinstance(last, e.RunContinued)
    assert [(undo.run_id, undo.step) for undo in ledger.read(carried.ledger)] == [("c", 1), ("r", 2)]
    script.check_replay()


@saga
async def pivots_and_goes_on() -> None:
    await store("a")
    await pay()
    pivots_and_goes_on.continue_as_new()


def test_behind_a_pivot_nothing_goes_along_as_new() -> None:
    script = script_of(pivots_and_goes_on)
    script.done(1)
    assert names(script.done(2, b"null")) == ["RunContinued"]
    script.check_replay()


def test_a_child_that_hands_up_stops_its_own_children_first() -> None:
    @saga
    async def leaves_one() -> None:
        await workflow.start_child(leaf, "a")

    child = AsChild(leaves_one)
    assert names(child.step(e.ChildBegan(1, "c1"))) == ["ChildCancelRequested"]
    assert child.step(msgspec.structs.replace(left_by("c", 1), step=1))
    assert reported(child) == ([("c", 1)], "")
    child.check_replay()


def test_a_workflow_takes_along_what_it_will_hand_up() -> None:
    @workflow
    async def again(left: int) -> None:
        await leaf("a")
        async with saga():
            async with saga():
                await store("b")
        if left:
            workflow.continue_as_new(left - 1)

    child = AsChild(again, b"[1]")
    ends(child, 1, left_by("c", 1))
    carried, last = child.done(4)[-2:]
    assert isinstance(carried, e.LedgerCarried)
    assert isinstance(last, e.RunContinued)
    child.check_replay()
    following = AsChild(again, b"[0]", e.LedgerInherited(carried.steps, carried.ledger), run_id="r2")
    ends(following, 1, left_by("d", 1))
    following.done(4)
    assert reported(following) == ([("c", 1), ("r", 4), ("d", 1), ("r2", 4)], "")
    following.check_replay()


def test_what_a_part_around_has_made_irreversible_is_not_handed_up() -> None:
    @workflow
    async def pays() -> None:
        async with saga():
            async with saga():
                await store("a")
            await pay()
        async with saga():
            await store("b")

    child = AsChild(pays)
    child.done(3)
    child.done(4, b"null")
    child.done(6)
    assert reported(child) == ([("r", 6)], "pay")
