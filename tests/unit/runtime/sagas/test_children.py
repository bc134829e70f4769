"""Children of sagas: what they have done is undone with the saga that has started them."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from child_sagas import COMPLETED, ends, leaf, left_by, parts, script_of, undone
from script import names, store

from sagaline import ApplicationError, ChildError, ConfigurationError, saga, workflow
from sagaline._model import events as e
from sagaline._model.failure import Failure
from sagaline._runtime.flags import CHILDREN_ARE_UNDONE, CURRENT


@saga
async def family() -> None:
    await store("a")
    await leaf("b")
    await store("c")
    raise ApplicationError("it fails")


def test_a_completed_child_is_undone_at_its_place_newest_step_first() -> None:
    script = script_of(family)
    script.done(1)
    (asked,) = script.commands
    assert isinstance(asked, e.ChildRequested)
    assert (asked.wants_ledger, asked.scope) == (True, 0)
    ends(script, 2, left_by("c", 1, 2))
    script.done(3)
    assert undone(script) == [("", 3, 0), ("c", 2, 2), ("c", 1, 2), ("", 1, 0)]
    (end,) = script.commands
    assert isinstance(end, e.RunFailed)
    assert end.rolled_back
    script.check_replay()


def test_a_child_behind_its_pivot_is_irreversible() -> None:
    script = script_of(family)
    script.done(1)
    ends(script, 2, e.ChildEnded(0, "completed", COMPLETED, pivot="pay"))
    assert names(script.commands) == ["store"], "it is irreversible: what is behind it can be undone"
    script.done(3)
    assert undone(script) == [("", 3, 0), ("", 1, 0)]


def test_a_run_of_before_leaves_its_children() -> None:
    script = script_of(family, flags=tuple(flag for flag in CURRENT if flag != CHILDREN_ARE_UNDONE))
    script.done(1)
    (asked,) = script.commands
    assert isinstance(asked, e.ChildRequested)
    assert not asked.wants_ledger
    ends(script, 2, left_by("c", 1, 2))
    script.done(3)
    assert undone(script) == [("", 3, 0), ("", 1, 0)]
    script.check_replay()


@pytest.mark.parametrize("options", [{"undo": False}, {"parent_close": "abandon"}])
def test_a_child_may_be_left_out(options: Any) -> None:
    @saga
    async def leaves() -> None:
        await leaf.options(**options)("b")
        raise ApplicationError("it fails")

    script = script_of(leaves)
    (asked,) = script.commands
    assert isinstance(asked, e.ChildRequested)
    assert not asked.wants_ledger
    ends(script, 1, left_by("c", 1))
    assert names(script.commands) == ["RunFailed"]


def test_undo_is_a_yes_or_no() -> None:
    with pytest.raises(ConfigurationError, match="Expected undo to be True or False but got 'no'"):
        leaf.options(undo="no")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_children_of_a_workflow_that_is_no_saga_are_left() -> None:
    script = script_of(parts, b'["x"]')
    (asked,) = script.commands
    assert isinstance(asked, e.ChildRequested)
    assert not asked.wants_ledger


@saga
async def impatient() -> None:
    await workflow.start_child(leaf, "a")
    await store("b")
    raise ApplicationError("it fails")


@pytest.mark.parametrize("completes", [True, False])
def test_a_child_that_still_runs_is_stopped_and_its_end_is_waited_for(completes: bool) -> None:
    script = script_of(impatient)
    script.step(e.ChildBegan(1, "c1"))
    assert names(script.done(2)) == ["ChildCancelRequested"]
    left = msgspec.structs.replace(left_by("c", 1), step=1)
    script.step(left if completes else e.ChildEnded(1, "cancelled", None, Failure("Cancelled", "stopped")))
    assert undone(script) == [("", 2, 0), *([("c", 1, 1)] if completes else [])]
    assert names(script.commands) == ["RunFailed"]
    script.check_replay()


@workflow
async def part_and_savepoint() -> None:
    async with saga() as scope:
        await leaf("a")
        point = scope.savepoint()
        await leaf("b")
        await scope.roll_back_to(point)
        await store("c")
        try:
            async with saga():
                await leaf("d")
                raise ApplicationError("the inner part fails")
        except ApplicationError:
            pass
        raise ApplicationError("it fails")


def test_parts_and_savepoints_undo_their_children() -> None:
    script = script_of(part_and_savepoint)
    ends(script, 2, left_by("a", 1))
    (asked,) = script.commands
    assert isinstance(asked, e.ChildRequested)
    assert asked.scope == 1
    ends(script, 3, left_by("b", 1))
    (call,) = script.commands
    assert isinstance(call, e.ActivityScheduled)
    assert (call.compensates_run, call.of_child) == ("b", 3)
    assert names(script.done(call.step, b"null")) == ["store"]
    script.done(5)
    ends(script, 7, left_by("d", 1))
    calls = []
    while script.commands and isinstance(call := script.commands[-1], e.ActivityScheduled):
        calls.append((call.compensates_run, call.compensates))
        script.done(call.step, b"null")
    assert calls == [("d", 1), ("", 5), ("a", 1)]
    script.check_replay()


@saga(parallel=True)
async def beside() -> None:
    await asyncio.gather(leaf("a"), store("b"), leaf("c"))
    raise ApplicationError("it fails")


def test_children_that_ran_beside_others_are_undone_beside_them_each_in_its_order() -> None:
    script = script_of(beside)
    ends(script, 1, left_by("a", 1, 2))
    script.done(2)
    ends(script, 3, left_by("c", 1, 2))
    assert [(call.compensates_run, call.compensates) for call in script.commands] == [("c", 2), ("", 2), ("a", 2)]
    first, own, other = (call.step for call in script.commands)
    script.done(own, b"null")
    (call,) = script.done(first, b"null")
    assert (call.compensates_run, call.compensates) == ("c", 1)
    (last,) = script.done(other, b"null")
    assert (last.compensates_run, last.compensates) == ("a", 1)
    script.done(call.step, b"null")
    assert names(script.done(last.step, b"null")) == ["RunFailed"]
    script.check_replay()


def test_a_fallback_undoes_a_step_of_a_child() -> None:
    script = script_of(family)
    script.done(1)
    ends(script, 2, left_by("c", 1, 2, fallback="fetch"))
    script.done(3)
    script.done(4, b"null")
    assert names(script.commands) == ["remove"]
    (call,) = script.fails(5)
    assert (call.activity, call.compensates_run, call.compensates, call.of_child) == ("fetch", "c", 2, 2)
    (call,) = script.done(6)
    assert (call.activity, call.compensates) == ("remove", 1)


@saga
async def catches() -> None:
    try:
        await leaf("a")
    except ChildError:
        pass
    raise ApplicationError("it fails")


def test_what_a_failed_child_has_left_is_undone_too() -> None:
    script = script_of(catches)
    ends(script, 1, msgspec.structs.replace(left_by("g", 1), status="failed", failure=Failure("Broken", "it is")))
    assert undone(script) == [("g", 1, 1)]
    script.check_replay()
