"""What the subscription and its activities tell each other."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel


class Plan(BaseModel):
    """What a customer has subscribed to."""

    customer: str
    cents: int
    months: int = 12
    trial_days: int = 14


class Invoice(BaseModel):
    """One month's payment."""

    customer: str
    month: int
    cents: int
    due: date


class Summary(BaseModel):
    """How a subscription has ended."""

    months_paid: int
    cents_paid: int
    ended: str
