"""History as lines, and what a failed assertion shows."""

from __future__ import annotations

import pytest
from kit_sagas import ACTIVITIES, Order, charge, fulfil

from sagaline import RunError
from sagaline.testing.plugin import MakeEnvironment


async def test_a_history_reads_as_what_happened(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[fulfil], activities=ACTIVITIES) as env:
        env.fail(charge, ValueError("no"), attempts=None)
        with pytest.raises(RunError):
            await env.execute(fulfil, Order("1"))
        history = await env.history("run-1")
        history.expect("""
            reserve: completed
            charge: failed after 10 attempts, ValueError: no
            undo charge by refund: completed
            undo reserve by release: completed
            compensated: ValueError: no
        """)
        history.expect_order("reserve", "charge", "release")
        with pytest.raises(AssertionError, match=r"Expected calls of release, reserve in this order but 'reserve'"):
            history.expect_order("release", "reserve")


async def test_a_difference_is_shown_as_one(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[fulfil], activities=ACTIVITIES) as env:
        handle = await env.start(fulfil, Order("1"))
        await env.advance("1d")
        history = await env.history(handle)
        assert history.lines == ["reserve: completed", "charge: completed", "timer of 30d: open"]
        await handle.cancel("enough")
        with pytest.raises(RunError):
            await handle.result()
        with pytest.raises(AssertionError) as caught:
            (await env.history(handle)).expect("""
                reserve: completed
                ship: completed
                timer of 30d: cancelled
            """)
        assert str(caught.value).splitlines()[4:] == [
            " reserve: completed",
            "-ship: completed",
            "+charge: completed",
            " timer of 30d: cancelled",
            "+cancel requested: enough",
            "+undo charge by refund: completed",
            "+undo reserve by release: completed",
            "+cancelled: enough",
        ]
