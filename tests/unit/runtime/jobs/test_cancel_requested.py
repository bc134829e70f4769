"""Somebody has asked the run to stop."""

from __future__ import annotations

import asyncio

import pytest
from script import Script, fetch, names, result, store

from sagaline import saga, workflow
from sagaline._model import events as e

CANCEL = e.CancelRequested("q", "enough")


def test_the_code_is_cancelled_where_it_waits_and_the_run_with_the_reason() -> None:
    @workflow
    async def waits() -> None:
        await fetch("a")

    script = Script(waits)
    assert script.step(CANCEL) == [e.ActivityCancelRequested(1), e.RunCancelled("enough", False)]
    script.check_replay()


def test_code_may_clean_up_before_it_lets_the_cancellation_out() -> None:
    @workflow
    async def tidies() -> None:
        try:
            await fetch("a")
        finally:
            await fetch("tidy")

    script = Script(tidies)
    assert names(script.step(CANCEL)) == ["ActivityCancelRequested", "fetch"]
    assert script.done(2) == [e.RunCancelled("enough", False)]
    script.check_replay()


def test_code_may_refuse_to_be_cancelled_and_complete() -> None:
    @workflow
    async def goes_on() -> str:
        try:
            await fetch("a")
        except asyncio.CancelledError:
            pass
        return "all the same"

    assert result(Script(goes_on).step(CANCEL)) == b'"all the same"'


def test_a_shield_keeps_what_is_in_it() -> None:
    @workflow
    async def shields() -> str:
        kept = asyncio.ensure_future(fetch("kept"))
        try:
            await asyncio.shield(kept)
        except asyncio.CancelledError:
            return await kept
        return "never"

    script = Script(shields)
    assert script.step(CANCEL) == []
    assert result(script.done(1, b'"kept"')) == b'"kept"'
    script.check_replay()


@pytest.mark.parametrize("times", [1, 3])
def test_a_rollback_is_not_cancelled_however_often_somebody_asks(times: int) -> None:
    @saga
    async def steps() -> None:
        await store("a")
        await fetch("fails")

    script = Script(steps)
    script.done(1)
    assert names(script.fails(2)) == ["remove"]
    for _ in range(times):
        assert script.step(CANCEL) == []
    assert names(script.done(3, b"null")) == ["RunFailed"]
    script.check_replay()


def test_it_comes_after_everything_else_in_its_activation() -> None:
    seen: list[str] = []

    @workflow
    async def looks() -> None:
        task = asyncio.ensure_future(fetch("a"))
        try:
            await fetch("b")
        finally:
            seen.append("there" if task.done() else "not there")

    script = Script(looks)
    script.step(CANCEL, e.ActivityCompleted(2, 1, b'"A"'))
    assert isinstance(script.commands[-1], e.RunCancelled)
    script.check_replay()
