"""A subscription that is paid each month for a year, with reminders when a card fails."""

from .activities import charge_card, close_account, open_account, send_message
from .models import Invoice, Plan, Summary
from .workflow import subscribe

__all__ = [
    "Invoice",
    "Plan",
    "Summary",
    "charge_card",
    "close_account",
    "open_account",
    "send_message",
    "subscribe",
]
