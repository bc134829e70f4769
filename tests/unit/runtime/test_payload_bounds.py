"""Results and arguments that workflow code makes: what does not fit is an error at its place."""

from __future__ import annotations

from typing import Any

import pytest
from script import Script, fetch, names, result, setup_of, store

from sagaline import saga, workflow
from sagaline._model import events as e
from sagaline.errors import PayloadTooLarge

# Results


@pytest.mark.parametrize("decorate", [workflow, saga])
def test_a_result_that_is_not_of_its_type_fails_the_run_and_rolls_back_first(decorate: Any) -> None:
    async def wrong() -> int:
        await store("a")
        return "seven"  # type: ignore[return-value]

    script = Script(decorate(wrong))
    script.done(1)
    if decorate is saga:
        assert names(script.commands) == ["remove"]
        script.done(2, b"null")
    (failed,) = script.commands
    assert isinstance(failed, e.RunFailed)
    assert failed.failure.type == "InvalidOutput"
    assert "seven" in failed.failure.message
    assert not failed.failure.retryable
    assert failed.rolled_back == (decorate is saga)
    script.check_replay()


@pytest.mark.parametrize("decorate", [workflow, saga])
def test_a_result_that_is_too_large_fails_the_run_with_its_place(decorate: Any) -> None:
    async def large() -> str:
        await store("a")
        return "x" * 600_000

    script = Script(decorate(large))
    script.done(1)
    if decorate is saga:
        script.done(2, b"null")
    (failed,) = script.commands
    assert isinstance(failed, e.RunFailed)
    assert failed.failure.type == "PayloadTooLarge"
    assert "test_payload_bounds.py:" in failed.failure.message


# Arguments


def test_arguments_that_are_too_large_raise_at_the_call_and_can_be_caught() -> None:
    @workflow
    async def heavy() -> str:
        try:
            await fetch("x" * 600_000)
        except PayloadTooLarge as error:
            return str(error)
        return await fetch("y" * 500_000)

    script = Script(heavy)
    assert b"at most 512,000 bytes but they have 600,004" in result(script.commands)
    script.check_replay()
    runs = Script(heavy, flags=(1, 2))
    assert names(runs.commands) == ["fetch"], "a run from before that bound has recorded it"
    runs.check_replay()


def test_what_is_undone_with_its_result_leaves_room_for_the_result() -> None:
    @workflow
    async def heavy() -> str:
        try:
            await store("x" * 400_000)
        except PayloadTooLarge as error:
            return str(error)
        return ""

    assert b"arguments of store to have at most 338,000 bytes" in result(Script(heavy).commands)
    assert names(Script(heavy, setup=setup_of(heavy, record_bytes=2_000_000)).commands) == ["store"]


def test_what_counts_is_the_size_in_the_record() -> None:
    @workflow
    async def squeezed() -> str:
        return await fetch("x" * 600_000)

    script = Script(squeezed, setup=setup_of(squeezed, sealed_size=lambda payload: len(payload) // 10))
    assert names(script.commands) == ["fetch"]


@pytest.mark.parametrize("depth", [100, 5_000])
def test_arguments_and_results_that_are_too_deep_are_errors_too(depth: int) -> None:
    deep: Any = []
    for _ in range(depth):
        deep = [deep]

    @workflow
    async def nested() -> Any:
        try:
            await fetch(deep)
        except Exception as error:
            return type(error).__name__

    @workflow
    async def returns() -> Any:
        return deep

    assert result(Script(nested).commands) == b'"InvalidInput"'
    (failed,) = Script(returns).commands
    assert isinstance(failed, e.RunFailed)
    assert failed.failure.type == "InvalidOutput"
