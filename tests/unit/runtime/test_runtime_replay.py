"""Code that does not follow history is told where."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from script import ACTIVITIES, Script, fetch, store

from sagaline import workflow
from sagaline._model import events as e
from sagaline._model.limits import MESSAGE_BYTES
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.definitions import Registry
from sagaline._runtime.replaying import replay
from sagaline._runtime.setup import Setup


def changed(script: Script, code: Any) -> WorkflowBug:
    """What a worker with other code says to this history."""
    definition = code.definition
    started = script.history[0].events[0]
    assert isinstance(started, e.RunStarted)
    registry = Registry([definition], ACTIVITIES)
    registry.workflows = {started.workflow: definition}
    with pytest.raises(WorkflowBug) as caught:
        replay(Setup(registry), script.history)
    return caught.value


def test_a_mismatch_names_the_step_expected_and_actual_with_place() -> None:
    @workflow
    async def original() -> None:
        await fetch("a")
        await store("b")
        await fetch("c")

    script = Script(original)
    script.done(1)
    script.done(2)

    @workflow
    async def swapped() -> None:
        await store("b")
        await fetch("a")

    @workflow
    async def removed() -> None:
        await fetch("a")

    @workflow
    async def added() -> None:
        await asyncio.gather(fetch("a"), fetch("more"))

    @workflow
    async def slept() -> None:
        await asyncio.sleep(1)

    for code, words in (
        (
            swapped,
            r"activity 'fetch' as step 1 \(event 2 .*asks for activity 'store' as step 1 at .*test_runtime_replay.py:\d+",
        ),
        (removed, r"activity 'store' as step 2 \(event 4 .*asks for the run's completion at the workflow\."),
        (added, r"Expected nothing more \(event 3 .*activity 'fetch' as step 2"),
        (slept, r"activity 'fetch' as step 1 .*asks for a timer as step 1"),
    ):
        found = changed(script, code)
        assert found.reason == "mismatch"

        assert re.search(words, found.failure.message), found.failure.message


def test_a_worker_without_the_workflow_says_what_it_has_in_bounded_words() -> None:
    @workflow
    async def gone() -> None: ...

    script = Script(gone)
    registry = Registry([], [])
    registry.workflows = {f"another-{n}-{'x' * 100}": gone.definition for n in range(500)}
    with pytest.raises(WorkflowBug, match="Expected workflow 'gone' to be registered") as caught:
        replay(Setup(registry), script.history)
    assert caught.value.reason == "unknown_workflow"
    assert len(caught.value.failure.message) <= MESSAGE_BYTES


def test_a_history_without_its_beginning_is_a_mismatch() -> None:
    @workflow
    async def one() -> None:
        await fetch("a")
        await fetch("b")

    script = Script(one)
    script.done(1)
    with pytest.raises(WorkflowBug, match="begins with RunStarted but its first event is ActivityCompleted"):
        replay(script.setup, script.history[1:])
