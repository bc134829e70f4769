"""A run keeps the behaviours that it began with."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from script import Script, fetch, names, result, store

from sagaline import saga, workflow
from sagaline._model import events as e
from sagaline._model.failure import BUG, Failure
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.flags import CURRENT, KNOWN, WORKFLOWS_RUN_INLINE_ON_REQUEST
from sagaline._runtime.replaying import replay

OLD = (1, 2)


@workflow
async def part(name: str) -> str:
    return await fetch(name)


@saga
async def undoable(name: str) -> str:
    return await store(name)


def test_numbers_are_never_reused() -> None:
    assert len(set(CURRENT)) == len(CURRENT)
    assert set(CURRENT).isdisjoint(OLD)
    assert set(OLD) | set(CURRENT) == KNOWN


def test_inline_runs_it_as_a_part_of_its_caller() -> None:
    @workflow
    async def whole() -> str:
        return await part.inline("a") + await part.inline(name="b")

    script = Script(whole)
    assert names(script.commands) == ["fetch"]
    script.done(1, b'"A"')
    script.done(2, b'"B"')
    assert result(script.commands) == b'"AB"'
    script.check_replay()


def test_a_saga_that_runs_inline_is_undone_by_its_caller_or_not_at_all() -> None:
    @saga
    async def whole() -> None:
        await undoable.inline("a")
        await fetch("fails")

    @workflow
    async def plain() -> None:
        await undoable.inline("a")
        await fetch("fails")

    script = Script(whole)
    script.done(1)
    assert names(script.fails(2)) == ["remove"]
    script = Script(plain)
    script.done(1)
    assert names(script.fails(2)) == ["RunFailed"]


def test_a_run_from_before_calls_its_workflows_as_it_did() -> None:
    @workflow
    async def whole() -> str:
        return await part("a")

    script = Script(whole, flags=OLD)
    script.done(1, b'"A"')
    assert result(script.commands) == b'"A"'
    script.check_replay()
    later = Script(whole, flags=(*OLD, WORKFLOWS_RUN_INLINE_ON_REQUEST))
    assert names(later.commands) == ["ChildRequested"], "a run of its own"


def test_a_run_of_a_newer_version_waits_for_a_worker_of_that_version() -> None:
    script = Script(part, b'["a"]')
    newer = [msgspec.structs.replace(record, flags=(*CURRENT, 999)) for record in script.history]
    with pytest.raises(WorkflowBug, match=r"behaviours \[999\]") as caught:
        replay(script.setup, newer)
    assert caught.value.reason == "newer_version"


def test_replay_takes_the_flags_from_the_first_record() -> None:
    @saga
    async def cancels_itself() -> None:
        await store("a")
        raise asyncio.CancelledError

    script = Script(cancels_itself, flags=OLD)
    script.done(1)
    assert names(script.commands) == ["remove"]
    assert replay(script.setup, script.history).unwritten == []
    new = [msgspec.structs.replace(script.history[0], flags=CURRENT), *script.history[1:]]
    with pytest.raises(WorkflowBug):
        replay(script.setup, new)


def test_what_a_parked_run_could_not_do_it_does_when_it_goes_on() -> None:
    """A bug leaves nothing in history but RunParked: what has become a failure since needs no flag."""

    @saga
    async def late() -> None:
        await store("a")
        raise TimeoutError

    script = Script(late, flags=OLD)
    script.record(e.ActivityCompleted(1, 1, b'"A"'), e.RunParked("bug", Failure("TimeoutError", "", BUG)))
    found = replay(script.setup, script.history)
    assert found.pending == [e.ActivityCompleted(1, 1, b'"A"')]
    commands = found.instance.activate(found.pending, 2_000)
    assert names(commands) == ["remove"]
    script.record(e.RunResumed("w"), *commands)
    assert replay(script.setup, script.history).unwritten == []
