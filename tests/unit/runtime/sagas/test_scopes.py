"""Parts of a workflow that undo their own steps: ``async with saga():``."""

from __future__ import annotations

import asyncio

import pytest
from script import Script, fetch, names, result, store

from sagaline import ActivityError, ApplicationError, saga, workflow
from sagaline._model import events as e
from sagaline._runtime.bugs import WorkflowBug


def undone(script: Script) -> list[bytes]:
    """Inputs of the compensations, in the order in which they were asked for."""
    events = [event for record in script.history for event in record.events]
    return [event.input for event in events if isinstance(event, e.ActivityScheduled) and event.compensates]


def drive(script: Script) -> None:
    """Every activity that the code asks for completes."""
    while asked := [command for command in script.commands if isinstance(command, e.ActivityScheduled)]:
        results = [b"null" if one.compensates else b'"ok"' for one in asked]
        script.step(*(e.ActivityCompleted(one.step, 1, data) for one, data in zip(asked, results, strict=True)))


def test_a_part_of_a_plain_workflow_undoes_its_own_steps_and_the_workflow_goes_on() -> None:
    @workflow
    async def trip() -> str:
        await store("before")
        try:
            async with saga():
                await store("a")
                await store("b")
                await fetch("fails")
        except ActivityError:
            return str(await fetch("another way"))
        return "done"

    script = Script(trip)
    script.done(1)
    assert names(script.commands) == ["SagaBegan", "store"] or names(script.commands) == ["store"]
    script.done(3)
    script.done(4)
    assert names(script.fails(5)) == ["remove"]
    assert names(script.done(6, b"null")) == ["remove"]
    assert names(script.done(7, b"null")) == ["SagaEnded", "fetch"]
    assert names(script.done(8)) == ["RunCompleted"]
    assert undone(script) == [b'["b","ok"]', b'["a","ok"]']
    assert result(script.commands) == b'"ok"'
    script.check_replay()


def test_a_part_that_ended_well_is_undone_by_the_saga_around_it_and_one_that_failed_only_once() -> None:
    @saga
    async def order() -> None:
        await store("first")
        async with saga():
            await store("inner")
        try:
            async with saga():
                await store("tried")
                raise ApplicationError("no")
        except ApplicationError:
            pass
        await store("last")
        raise ApplicationError("all of it")

    script = Script(order)
    drive(script)
    assert names(script.commands) == ["RunFailed"]
    assert undone(script) == [b'["tried","ok"]', b'["last","ok"]', b'["inner","ok"]', b'["first","ok"]']
    script.check_replay()


def test_in_a_plain_workflow_what_a_part_has_done_stays_when_it_ended_well() -> None:
    @workflow
    async def order() -> None:
        async with saga():
            await store("inner")
        raise ApplicationError("later")

    script = Script(order)
    drive(script)
    assert names(script.commands)[-1] == "RunFailed"
    assert undone(script) == []
    assert not script.commands[-1].rolled_back  # type: ignore[union-attr]


@pytest.mark.parametrize("cancels", ["a person", "a time-out", "its group"])
def test_a_cancellation_undoes_the_part_and_goes_on(cancels: str) -> None:
    @workflow
    async def order() -> str:
        async def part() -> None:
            async with saga():
                await store("a")
                await asyncio.Event().wait()

        if cancels == "a time-out":
            try:
                async with asyncio.timeout(60):
                    await part()
            except TimeoutError:
                return "too late"
        if cancels == "its group":
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(part())
                    await fetch("b")
            except ExceptionGroup:
                return "the group"
        await part()
        return "never"

    script = Script(order)
    first = {name: event.step for name, event in zip(names(script.commands), script.commands, strict=True)}  # type: ignore[union-attr]
    if cancels == "its group":
        script.done(first["store"])
        script.fails(first["fetch"])
    else:
        script.done(first["store"])
        if cancels == "a person":
            script.step(e.CancelRequested("q", "enough"))
        else:
            script.step(e.TimerFired(first["TimerStarted"]))
    (undo,) = [event for event in script.commands if isinstance(event, e.ActivityScheduled)]
    assert undo.activity == "remove"
    script.step(e.CancelRequested("another", "now"))
    assert script.commands == [], "it is not cancelled half way"
    script.done(undo.step, b"null")
    ends = {"a person": "RunCancelled", "a time-out": "RunCompleted", "its group": "RunCompleted"}
    assert names(script.commands)[0] == "SagaEnded"
    assert names(script.commands)[-1] in (ends[cancels], "RunCancelled")
    script.check_replay()


def test_branches_of_the_part_are_stopped_and_those_outside_go_on() -> None:
    @workflow
    async def order() -> str:
        async def outside() -> str:
            await fetch("slow")
            return str(await fetch("outside"))

        task = asyncio.ensure_future(outside())
        try:
            async with saga():
                beside = asyncio.ensure_future(store("beside"))
                await fetch("fails")
                await beside
        except ActivityError:
            pass
        return await task

    script = Script(order)
    asked = {event.input: event.step for event in script.commands if isinstance(event, e.ActivityScheduled)}
    script.fails(asked[b'["fails"]'])
    assert names(script.commands) == ["ActivityCancelRequested"]
    assert script.commands[0].step == asked[b'["beside"]']  # type: ignore[union-attr]
    assert names(script.done(asked[b'["slow"]'])) == ["fetch"], "what is outside goes on meanwhile"
    other = script.commands[0].step  # type: ignore[union-attr]
    assert names(script.done(asked[b'["beside"]'], b'"B"')) == ["remove"]
    script.done(script.commands[0].step, b"null")  # type: ignore[union-attr]
    assert names(script.commands) == ["SagaEnded"]
    script.done(other)
    assert names(script.commands) == ["RunCompleted"]
    script.check_replay()


def test_steps_that_ran_beside_each_other_are_undone_beside_each_other_where_it_says_so() -> None:
    @saga(parallel=True, limit=2)
    async def order() -> None:
        await store("first")
        await asyncio.gather(*(store(name) for name in ("a", "b", "c")))
        await store("last")
        raise ApplicationError("no")

    script = Script(order)
    script.done(1)
    script.step(*(e.ActivityCompleted(step, 1, b'"ok"') for step in (2, 3, 4)))
    script.done(5)
    assert names(script.commands) == ["remove"]
    script.done(6, b"null")
    assert names(script.commands) == ["remove", "remove"], "two of three at a time"
    assert names(script.done(8, b"null")) == ["remove"]
    script.step(e.ActivityCompleted(7, 1, b"null"), e.ActivityCompleted(9, 1, b"null"))
    assert names(script.commands) == ["remove"]
    script.done(10, b"null")
    assert names(script.commands) == ["RunFailed"]
    assert undone(script) == [b'["last","ok"]', b'["c","ok"]', b'["b","ok"]', b'["a","ok"]', b'["first","ok"]']
    script.check_replay()


def test_a_savepoint_is_rolled_back_to_and_the_saga_goes_on() -> None:
    @workflow
    async def order() -> str:
        async with saga() as scope:
            await store("stays")
            point = scope.savepoint()
            await store("goes")
            await scope.roll_back_to(point)
            await store("other")
        return "done"

    script = Script(order)
    drive(script)
    assert names(script.commands) == ["SagaEnded", "RunCompleted"]
    assert undone(script) == [b'["goes","ok"]']
    script.check_replay()


def test_a_savepoint_of_another_scope_is_refused() -> None:
    @workflow
    async def order() -> None:
        async with saga() as first:
            point = first.savepoint()
        async with saga() as second:
            await second.roll_back_to(point)

    with pytest.raises(WorkflowBug, match="Expected a savepoint of this scope"):
        Script(order)


def test_a_run_does_not_end_while_a_part_of_it_is_open() -> None:
    @workflow
    async def order(fails: bool) -> str:
        async def part() -> None:
            async with saga():
                await store("a")
                await fetch("b")

        asyncio.ensure_future(part())  # noqa: RUF006
        await asyncio.sleep(0)
        if fails:
            raise ApplicationError("no")
        return "done"

    script = Script(order, b"[false]")
    assert names(script.commands) == ["SagaBegan", "store"]
    script.done(2)
    assert names(script.done(3)) == ["SagaEnded", "RunCompleted"]
    script.check_replay()
    script = Script(order, b"[true]")
    script.done(2)
    assert names(script.commands) == ["remove"]
    assert names(script.done(3, b"null")) == ["SagaEnded", "RunFailed"]
    script.check_replay()


def test_a_saga_that_fails_takes_over_what_a_part_of_it_was_undoing() -> None:
    @saga
    async def order() -> None:
        async def part() -> None:
            async with saga():
                await store("a")
                await store("b")
                raise ApplicationError("inner")

        asyncio.ensure_future(part())  # noqa: RUF006
        await fetch("outer")

    script = Script(order)
    asked = {event.input: event.step for event in script.commands if isinstance(event, e.ActivityScheduled)}
    script.done(asked[b'["a"]'])
    script.done(script.commands[0].step)  # type: ignore[union-attr]
    assert names(script.commands) == ["remove"], "of b, by the part"
    of_b = script.commands[0].step  # type: ignore[union-attr]
    assert script.fails(asked[b'["outer"]']) == [], "it is waited for"
    assert names(script.done(of_b, b"null")) == ["remove"]
    script.done(script.commands[0].step, b"null")  # type: ignore[union-attr]
    assert names(script.commands) == ["RunFailed"]
    assert undone(script) == [b'["b","ok"]', b'["a","ok"]'], "each once"
    script.check_replay()


def test_a_bug_in_a_part_undoes_nothing() -> None:
    @workflow
    async def order() -> None:
        async with saga():
            await store("a")
            raise LookupError("a bug")

    script = Script(order)
    with pytest.raises(WorkflowBug, match="a bug"):
        script.done(2)
