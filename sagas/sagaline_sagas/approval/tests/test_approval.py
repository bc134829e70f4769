"""Who is asked when, and what comes of each answer."""

from __future__ import annotations

from contextlib import suppress

import pytest

from sagaline import RequestRefused, RunHandle
from sagaline.testing import Environment
from sagaline.testing.plugin import MakeEnvironment

from .. import Approval, Decision, Expense, book, notify

EXPENSE = Expense(employee="eve", cents=4_200, approver="ann", boss="zoe")


@pytest.fixture
def env(sagaline_env: MakeEnvironment) -> Environment:
    return sagaline_env(workflows=[Approval], activities=[notify, book])


def asked(env: Environment) -> list[str]:
    """Who has been told something, in order."""
    return [call.arguments["person"] for call in env.calls(notify)]


async def test_a_yes_is_booked(env: Environment) -> None:
    async with env:
        handle = await env.start(Approval.run, EXPENSE)
        await handle.signal(Approval.approve, "ann")
        assert await handle.result() == Decision(approved=True, by="ann")
        assert asked(env) == ["ann", "eve"]
        assert len(env.calls(book)) == 1


async def test_a_no_is_told_with_its_reason(env: Environment) -> None:
    async with env:
        handle = await env.start(Approval.run, EXPENSE)
        await handle.signal(Approval.decline, "ann", "no receipt")
        assert (await handle.result()).reason == "no receipt"
        assert env.calls(notify)[-1].arguments["text"].endswith("no receipt")
        assert env.calls(book) == []


async def test_reminders_come_every_two_days_until_somebody_answers(env: Environment) -> None:
    async with env:
        handle = await env.start(Approval.run, EXPENSE)
        await env.advance("3d")
        assert asked(env) == ["ann", "ann"]
        await env.advance("2d")
        assert asked(env) == ["ann", "ann", "ann"]
        await handle.signal(Approval.approve, "ann")
        assert (await handle.result()).approved


async def test_the_boss_is_asked_and_decides(env: Environment) -> None:
    async with env:
        handle = await env.start(Approval.run, EXPENSE)
        await env.advance("6d")
        assert asked(env) == ["ann", "ann", "ann", "ann", "zoe"]
        await handle.signal(Approval.approve, "zoe")
        assert (await handle.result()).by == "zoe"


async def test_nobody_is_a_no(env: Environment) -> None:
    async with env:
        begun = env.now
        assert (await env.execute(Approval.run, EXPENSE)).by == "nobody"
        assert (env.now - begun).days == 13


async def test_of_two_answers_the_first_counts(env: Environment) -> None:
    async with env:
        handle: RunHandle[Decision] = await env.start(Approval.run, EXPENSE)
        await env.restart()
        await handle.signal(Approval.approve, "ann")
        with suppress(RequestRefused):  # the run may have ended by then
            await handle.signal(Approval.decline, "zoe", "too late")
        assert (await handle.result()).by == "ann"
