"""What the approval does in the world. Here it prints; put your mail and your books in its place."""

from __future__ import annotations

from sagaline import activity

from .models import Expense


@activity
async def notify(person: str, text: str) -> None:
    """Tells somebody."""
    print(f"to {person}: {text}")


@activity
async def book(expense: Expense) -> None:
    """Pays it back, once: hand the idempotency key on."""
    print(f"{expense.employee} is paid {expense.cents / 100:.2f}")
