"""The versioning walk: a patch is added, deprecated, removed; histories of each version replay on every legal one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from script import Script, fetch, names, result, setup_of, store

from sagaline import workflow
from sagaline._model import events as e
from sagaline._model.events import Event
from sagaline._model.limits import PATCHES
from sagaline._model.records import History
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.jobs import JOBS
from sagaline._runtime.replaying import replay


@workflow(name="order")
async def v1(order: str) -> str:
    await fetch(order)
    await fetch("ship")
    return "old"


@workflow(name="order")
async def v2(order: str) -> str:
    await fetch(order)
    if workflow.patched("check"):
        await store("check")
        await fetch("ship")
        return "new"
    await fetch("ship")
    return "old"


@workflow(name="order")
async def v3(order: str) -> str:
    await fetch(order)
    workflow.deprecate_patch("check")
    await store("check")
    await fetch("ship")
    return "new"


@workflow(name="order")
async def v4(order: str) -> str:
    await fetch(order)
    await store("check")
    await fetch("ship")
    return "new"


VERSIONS = [v1, v2, v3, v4]
LEGAL = {(0, 0), (0, 1), (1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 2), (3, 3)}
"""Pairs of the version that made a history and one that can follow it."""


def run(code: Any, rebuilds: bool = False) -> Script:
    """A whole run of one version."""
    script = Script(code, b'["o"]', rebuilds=rebuilds)
    step = 0
    while not isinstance(script.commands[-1], e.RunCompleted):
        step += 1
        script.done(step)
    return script


def go_on(code: Any, history: list[History], following: Iterable[History]) -> list[list[Event]]:
    """What code asks for from where a history ends, given the jobs of what followed."""
    instance = replay(setup_of(code), history).instance
    asked = []
    for record in following:
        jobs = [event for event in record.events if type(event) in JOBS]
        asked.append(list(instance.activate(jobs, record.at)))
    instance.evict()
    return asked


@pytest.mark.parametrize("rebuilds", [False, True], ids=["normal", "cache of zero"])
@pytest.mark.parametrize("before", range(4))
def test_histories_of_each_version_replay_on_every_legal_one(before: int, rebuilds: bool) -> None:
    script = run(VERSIONS[before], rebuilds)
    script.check_replay()  # and from every event boundary on
    assert result(script.commands) == (b'"old"' if before == 0 else b'"new"')
    for after, code in enumerate(VERSIONS):
        if (before, after) in LEGAL:
            replay(setup_of(code), script.history)
        else:
            with pytest.raises(WorkflowBug, match=r"Expected (patch 'check'|activity|the run)") as stopped:
                replay(setup_of(code), script.history)
            assert stopped.value.reason == "mismatch"
            assert f"{__file__}:" in stopped.value.failure.message


@pytest.mark.parametrize(("before", "after"), sorted(LEGAL))
def test_a_deploy_at_every_event_boundary(before: int, after: int) -> None:
    """The run goes on as it began, whichever version finishes it; or it had not come to the patch yet and takes it."""
    script = run(VERSIONS[before])
    for end in range(1, len(script.history)):
        history, following = script.history[:end], script.history[end:]
        recorded = [[event for event in record.events if type(event) in e.COMMANDS] for record in following]
        asked = go_on(VERSIONS[after], history, following[:1])
        if end == 1:  # before the patch: the newer code begins it
            expected = {0: ["fetch"], 3: ["store"]}.get(after, ["PatchMarked", "store"])
            assert names(asked[0]) == expected
        else:
            assert names(go_on(VERSIONS[after], history, following)[-1]) == names(recorded[-1])


def test_an_illegal_version_is_stopped_before_any_command_and_names_the_patch() -> None:
    script = run(v2)
    for code in (v1, v4):
        with pytest.raises(WorkflowBug) as stopped:
            replay(setup_of(code), script.history[:2])
        assert "Expected patch 'check' (event 4 of the history) but the code asks for activity" in str(stopped.value)


def test_the_answer_is_kept_and_is_recorded_once_before_what_the_activation_asks_for() -> None:
    @workflow
    async def often() -> list[bool]:
        await asyncio.gather(fetch("a"), fetch("b"))
        return [workflow.patched("one"), workflow.patched("two"), workflow.patched("one")]

    @workflow
    async def late() -> None:
        async def asks() -> None:
            workflow.patched("second")
            await fetch("b")

        await asyncio.gather(fetch("a"), asks())

    script = Script(often)
    script.done(1)
    assert names(script.done(2)) == ["PatchMarked", "PatchMarked", "RunCompleted"]
    assert result(script.commands) == b"[true,true,true]"
    script.check_replay()
    assert names(Script(late).commands) == ["PatchMarked", "fetch", "fetch"]


def test_a_run_that_has_passed_the_place_without_the_patch_never_gets_it() -> None:
    @workflow(name="loops")
    async def old() -> None:
        for _ in range(3):
            await fetch("a")

    @workflow(name="loops")
    async def new() -> None:
        for _ in range(3):
            await (store("a") if workflow.patched("stored") else fetch("a"))

    script = Script(old)
    assert names(go_on(new, script.history, [script_record(script, e.ActivityCompleted(1, 1, b'"a"'))])[0]) == ["fetch"]


def script_record(script: Script, *recorded: Event) -> History:
    script.record(*recorded)
    return script.history.pop()


def test_an_activation_that_was_cut_off_knows_its_patches() -> None:
    @workflow
    async def wide() -> None:
        many = [fetch(str(number)) for number in range(4)]
        if workflow.patched("wider"):
            many.append(store("more"))
        await asyncio.gather(*many)

    script = Script(wide)
    (whole,) = script.history
    assert names(whole.events) == ["RunStarted", "PatchMarked", *["fetch"] * 4, "store"]
    for end in range(2, len(whole.events)):
        first = History(0, whole.at, "w", "r", 1, 0, 0, 0, whole.flags, True, whole.events[:end])
        replayed = replay(script.setup, [first])
        assert tuple(replayed.unwritten) == whole.events[end:]


def test_what_is_no_patch_is_a_bug_with_its_place() -> None:
    for wrong in ("", "x" * 256, "a\nb", 7):

        @workflow
        async def code(id: Any = wrong) -> None:
            workflow.patched(id)

        with pytest.raises(WorkflowBug, match="Expected the id of a patch to be 1 to 255 bytes"):
            Script(code)

    @workflow
    async def many() -> None:
        for number in range(PATCHES + 1):
            workflow.patched(str(number))

    with pytest.raises(WorkflowBug, match="Expected at most 200 patches"):
        Script(many)
