"""What the workflow, its activities and the people tell each other."""

from __future__ import annotations

from pydantic import BaseModel


class Expense(BaseModel):
    """What is to be paid back."""

    employee: str
    cents: int
    approver: str
    boss: str


class Decision(BaseModel):
    """What became of it."""

    approved: bool
    by: str
    reason: str = ""
