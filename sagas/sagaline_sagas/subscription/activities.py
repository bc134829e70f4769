"""What the subscription does in the world. Here it prints; put your payment provider and your mail in its place."""

from __future__ import annotations

from sagaline import ApplicationError, Retry, activity

from .models import Invoice


class CardDeclined(ApplicationError):
    """The bank says no. The workflow decides when to try again."""


@activity(timeout="30s", retry=Retry(attempts=5), refusals=(CardDeclined,))
async def charge_card(invoice: Invoice) -> str:
    """Takes a month's money. Hand the idempotency key to the provider: attempts may repeat."""
    key = activity.info().idempotency_key
    print(f"{invoice.due}: {invoice.customer} pays {invoice.cents / 100:.2f} for month {invoice.month}")
    return f"payment-{key}"


@activity
async def send_message(customer: str, text: str) -> None:
    """Tells the customer."""
    print(f"to {customer}: {text}")


@activity
async def open_account(customer: str) -> None:
    """Lets the customer in."""
    print(f"{customer} may come in")


@activity
async def close_account(customer: str) -> None:
    """Lets the customer out."""
    print(f"{customer} has left")
