"""How an exception out of a workflow's function is taken: failure, cancellation or bug; alone and in groups."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from script import Script, fetch, names, store

from sagaline import ActivityError, ApplicationError, saga, workflow
from sagaline._model import events as e
from sagaline._model.failure import APPLICATION, TIMEOUT, Failure
from sagaline._model.limits import MESSAGE_BYTES
from sagaline._runtime.bugs import CompensationFailed, ContinueAsNew, WorkflowBug
from sagaline._runtime.endings import BUG, CANCELLED, CONTINUED, FAILED, failure_from, meaning


def refused(text: str = "no") -> ApplicationError:
    return ApplicationError(text, type="Refused")


BAD = KeyError("a bug")
CASES: list[tuple[BaseException, str, str]] = [
    # the exception, what it means, what it means after somebody has asked for a cancellation
    (refused(), FAILED, FAILED),
    (ActivityError("pay", Failure("Declined", "no")), FAILED, FAILED),
    (TimeoutError(), FAILED, FAILED),
    (BAD, BUG, BUG),
    (asyncio.CancelledError(), BUG, CANCELLED),
    (GeneratorExit(), BUG, BUG),
    (SystemExit(3), BUG, BUG),
    (CompensationFailed("undo"), BUG, BUG),
    (ExceptionGroup("one", [refused()]), FAILED, FAILED),
    (ExceptionGroup("two", [refused(), TimeoutError()]), FAILED, FAILED),
    (ExceptionGroup("nested", [refused(), ExceptionGroup("in", [refused(), refused()])]), FAILED, FAILED),
    (ExceptionGroup("mixed", [refused(), BAD]), BUG, BUG),
    (ExceptionGroup("nested bug", [refused(), ExceptionGroup("in", [refused(), BAD])]), BUG, BUG),
    (BaseExceptionGroup("with exit", [refused(), SystemExit()]), BUG, BUG),
    (BaseExceptionGroup("cancelled", [refused(), asyncio.CancelledError()]), BUG, FAILED),
    (BaseExceptionGroup("only cancelled", [asyncio.CancelledError()]), BUG, CANCELLED),
    (BaseExceptionGroup("bug and cancelled", [BAD, asyncio.CancelledError()]), BUG, BUG),
    (ExceptionGroup("undone", [refused(), CompensationFailed("undo")]), BUG, BUG),
]


@pytest.mark.parametrize(("error", "alone", "when_cancelled"), CASES, ids=lambda case: repr(case)[:60])
def test_what_an_exception_means(error: BaseException, alone: str, when_cancelled: str) -> None:
    assert meaning(error, cancel_requested=False) == alone
    assert meaning(error, cancel_requested=True) == when_cancelled


def test_what_a_workflow_lists_is_a_failure_and_nothing_else_becomes_one() -> None:
    listed = (LookupError, CompensationFailed)
    assert meaning(BAD, False, listed) == FAILED, "a subclass"
    assert meaning(ExceptionGroup("mixed", [refused(), BAD]), False, listed) == FAILED
    assert meaning(ExceptionGroup("mixed", [ValueError(), BAD]), False, listed) == BUG
    assert meaning(ValueError(), False, listed) == BUG
    assert meaning(CompensationFailed("undo"), False, listed) == BUG, "a saga is never silently half done"
    assert meaning(asyncio.CancelledError(), False, (Exception,)) == BUG
    assert meaning(SystemExit(), False, (Exception,)) == BUG
    assert meaning(ContinueAsNew(b"[]"), False, (Exception,)) == CONTINUED


@pytest.mark.parametrize(("listed", "parks"), [([LookupError], False), ([OSError], True)])
def test_a_saga_rolls_back_for_what_it_lists(listed: list[type[Exception]], parks: bool) -> None:
    @saga(failure_exception_types=listed)
    async def mistaken() -> None:
        await store("a")
        raise KeyError("a mistake")

    script = Script(mistaken)
    if parks:
        with pytest.raises(WorkflowBug):
            script.done(1)
        return
    assert names(script.done(1)) == ["remove"]
    assert isinstance(failed := script.done(2, b"null")[-1], e.RunFailed)
    assert (failed.failure.type, failed.rolled_back) == ("KeyError", True)
    script.check_replay()


def test_an_update_fails_for_what_its_workflow_lists() -> None:
    @workflow(failure_exception_types=[LookupError])
    class Shelf:
        @workflow.run
        async def run(self) -> None:
            await fetch("a")

        @workflow.update
        async def take(self, key: str) -> int:
            return {"a": 1}[key]

    script = Script(Shelf.run)
    (answer,) = script.step(e.UpdateAccepted("u", "take", b'["b"]'))
    assert isinstance(answer, e.UpdateCompleted)
    assert answer.failure is not None
    assert answer.failure.type == "KeyError"
    script.check_replay()


def test_a_group_of_one_is_that_failure_and_one_of_several_tells_all_of_them() -> None:
    alone = failure_from(ExceptionGroup("a TaskGroup", [refused("out of stock")]))
    assert (alone.type, alone.message, alone.kind) == ("Refused", "out of stock", APPLICATION)
    both = failure_from(ExceptionGroup("a TaskGroup", [refused("first"), refused("second")]))
    assert both.type == "ExceptionGroup"
    assert "Refused: first" in both.message
    assert "Refused: second" in both.message
    many = failure_from(ExceptionGroup("many", [refused("x" * 1_000) for _ in range(1_000)]))
    assert len(many.message.encode()) <= MESSAGE_BYTES


def test_a_time_out_is_of_that_kind_and_says_what_it_was() -> None:
    failure = failure_from(TimeoutError())
    assert (failure.type, failure.kind) == ("TimeoutError", TIMEOUT)
    assert "asyncio.timeout()" in failure.message
    assert failure_from(TimeoutError("the bank is slow")).message == "the bank is slow"
    assert failure_from(ExceptionGroup("", [TimeoutError(), TimeoutError()])).kind == TIMEOUT
    assert failure_from(ExceptionGroup("", [TimeoutError(), refused()])).kind == APPLICATION


@pytest.mark.parametrize("decorate", [workflow, saga])
@pytest.mark.parametrize("how", ["timeout", "wait_for"])
def test_a_time_out_let_out_fails_the_run_and_rolls_a_saga_back(decorate: Any, how: str) -> None:
    @decorate
    async def late() -> None:
        await store("a")
        if how == "timeout":
            async with asyncio.timeout(5):
                await fetch("slow")
        else:
            await asyncio.wait_for(fetch("slow"), 5)

    script = Script(late)
    script.done(1)
    timer = next(event.step for event in script.commands if isinstance(event, e.TimerStarted))
    script.step(e.TimerFired(timer), after_ms=5_000)
    if decorate is saga:
        assert names(script.commands) == ["ActivityCancelRequested", "remove"]
        script.done(script.commands[-1].step, b"null")  # type: ignore[union-attr]
    failed = script.commands[-1]
    assert isinstance(failed, e.RunFailed)
    assert (failed.failure.type, failed.failure.kind) == ("TimeoutError", TIMEOUT)
    assert failed.rolled_back == (decorate is saga)
    script.check_replay()


def test_a_task_group_of_failures_rolls_a_saga_back() -> None:
    @saga
    async def together() -> None:
        await store("before")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(store("a"))
            tasks.create_task(fetch("b"))

    script = Script(together)
    script.done(1)
    assert names(script.fails(3, "Broken")) == ["ActivityCancelRequested"]
    assert names(script.done(2)) == ["remove"]
    script.done(4, b"null")
    assert names(script.done(5, b"null")) == ["RunFailed"]
    (failed,) = script.commands
    assert isinstance(failed, e.RunFailed)
    assert (failed.failure.type, failed.rolled_back) == ("Broken", True)
    script.check_replay()


def test_several_failures_of_a_group_are_all_told() -> None:
    @workflow
    async def together() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fetch("a"))
            tasks.create_task(fetch("b"))

    script = Script(together)
    failures = [e.ActivityFailed(step, 1, Failure(f"Kind{step}", "it broke")) for step in (1, 2)]
    (failed,) = script.step(*failures)
    assert isinstance(failed, e.RunFailed)
    assert "Kind1" in failed.failure.message
    assert "Kind2" in failed.failure.message


def test_a_cancelled_run_whose_group_fails_on_the_way_out_has_failed() -> None:
    @saga
    async def together() -> None:
        async def branch() -> None:
            try:
                await store("a")
            except asyncio.CancelledError:
                raise refused("could not clean up") from None

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(branch())

    script = Script(together)
    script.step(e.CancelRequested("q", "enough"))
    assert names(script.commands) == ["ActivityCancelRequested"]
    assert names(script.done(1)) == ["remove"]
    assert names(script.done(2, b"null")) == ["RunFailed"]


def test_a_group_with_a_bug_in_it_parks_with_nothing_undone() -> None:
    @saga
    async def together() -> None:
        await store("a")
        raise ExceptionGroup("both", [refused(), KeyError("a bug")])

    script = Script(together)
    with pytest.raises(WorkflowBug, match="a bug"):
        script.done(1)


@pytest.mark.parametrize("decorate", [workflow, saga])
def test_a_cancellation_that_nobody_asked_for_parks_with_nothing_undone(decorate: Any) -> None:
    @decorate
    async def cancels_itself() -> None:
        await store("a")
        branch = asyncio.ensure_future(fetch("b"))
        branch.cancel()
        await branch

    script = Script(cancels_itself)
    with pytest.raises(WorkflowBug, match="CancelledError"):
        script.done(1)


class Silent(ApplicationError):
    """It cannot be described: it has neither message nor words."""

    def __init__(self) -> None:
        pass

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


@pytest.mark.parametrize("decorate", [workflow, saga])
def test_a_failure_that_cannot_be_described_fails_the_run_all_the_same(decorate: Any) -> None:
    @decorate
    async def silent() -> None:
        raise Silent

    (failed,) = Script(silent).commands
    assert isinstance(failed, e.RunFailed)
    assert failed.failure.type == "Silent"
