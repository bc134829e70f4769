"""The subscription: a trial, then a payment each month. It sleeps nearly all of its life."""

from __future__ import annotations

import asyncio
from calendar import monthrange
from datetime import UTC, date, datetime, time

from sagaline import ActivityError, workflow

from .activities import charge_card, close_account, open_account, send_message
from .models import Invoice, Plan, Summary

_TRY_AGAIN_AFTER_DAYS = (1, 3, 7)


@workflow
async def subscribe(plan: Plan) -> Summary:
    """Runs for as long as the plan does; a cancelled run closes the account."""
    paid = 0
    await open_account(plan.customer)
    try:
        await asyncio.sleep(plan.trial_days * 86_400)
        first = workflow.now().date()
        for month in range(1, plan.months + 1):
            due = months_after(first, month - 1)
            await _sleep_until(due)
            if not await _collect(Invoice(customer=plan.customer, month=month, cents=plan.cents, due=due)):
                await send_message(plan.customer, "your card was declined too often: the subscription has ended")
                return Summary(months_paid=paid, cents_paid=paid * plan.cents, ended="card declined")
            paid += 1
        await _sleep_until(months_after(first, plan.months))
        return Summary(months_paid=paid, cents_paid=paid * plan.cents, ended="all paid")
    finally:
        await close_account(plan.customer)


async def _collect(invoice: Invoice) -> bool:
    """Charges the card; a declined one is tried again after some days, with a message each time."""
    for pause_days in (*_TRY_AGAIN_AFTER_DAYS, None):
        try:
            await charge_card(invoice)
            return True
        except ActivityError as error:
            if error.type != "CardDeclined":
                raise
        if pause_days is not None:
            await send_message(invoice.customer, f"your card was declined: we try again in {pause_days} days")
            await asyncio.sleep(pause_days * 86_400)
    return False


async def _sleep_until(day: date) -> None:
    at = datetime.combine(day, time(), UTC)
    await asyncio.sleep(max(0.0, (at - workflow.now()).total_seconds()))


def months_after(day: date, months: int) -> date:
    """The same day some months later, or the last one of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
