"""A year of a subscription, in milliseconds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from sagaline import Activity, RunError
from sagaline.testing import Environment
from sagaline.testing.plugin import MakeEnvironment

from .. import Invoice, Plan, charge_card, close_account, open_account, send_message, subscribe
from ..activities import CardDeclined
from ..workflow import months_after

PLAN = Plan(customer="ada", cents=999)


@pytest.fixture
def env(sagaline_env: MakeEnvironment) -> Environment:
    activities: list[Activity[..., Any]] = [charge_card, send_message, open_account, close_account]
    return sagaline_env(workflows=[subscribe], activities=activities, start=datetime(2026, 1, 17, tzinfo=UTC))


async def test_twelve_months_are_paid_on_their_days(env: Environment) -> None:
    async with env:
        summary = await env.execute(subscribe, PLAN)
        assert (summary.months_paid, summary.cents_paid, summary.ended) == (12, 12 * 999, "all paid")
        days = [call.arguments["invoice"].due for call in env.calls(charge_card)]
        assert days[:3] == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)]
        assert env.now.date() == date(2027, 1, 31)
        assert len(env.calls(close_account)) == 1


async def test_a_card_that_is_declined_for_a_while_is_tried_again(env: Environment) -> None:
    tried: list[date] = []

    async def sometimes(invoice: Invoice) -> str:
        if invoice.month == 2 and len(tried) < 3:
            tried.append(env.now.date())
            raise CardDeclined("not today")
        return "paid"

    async with env:
        env.stand_in(charge_card, sometimes)
        assert (await env.execute(subscribe, PLAN)).months_paid == 12
        assert tried == [date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 4)]
        assert len(env.calls(send_message)) == 3


async def test_a_card_that_stays_declined_ends_it(env: Environment) -> None:
    async with env:
        env.fail(charge_card, CardDeclined("no"))
        summary = await env.execute(subscribe, PLAN)
        assert (summary.months_paid, summary.ended) == (0, "card declined")
        assert env.calls(send_message)[-1].arguments["text"].endswith("the subscription has ended")
        assert len(env.calls(close_account)) == 1


async def test_a_customer_who_leaves_pays_no_more(env: Environment) -> None:
    async with env:
        handle = await env.start(subscribe, PLAN)
        await env.advance("100d")
        paid = len(env.calls(charge_card))
        await handle.cancel("moved away")
        with pytest.raises(RunError, match="cancelled"):
            await handle.result()
        assert len(env.calls(charge_card)) == paid == 3
        assert (await env.history(handle)).activities[-1] == "close_account"


def test_months_have_different_lengths() -> None:
    assert months_after(date(2027, 12, 31), 2) == date(2028, 2, 29)
    assert months_after(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert months_after(date(2026, 1, 31), 12) == date(2027, 1, 31)
