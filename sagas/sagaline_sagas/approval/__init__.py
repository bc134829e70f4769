"""An expense that somebody has to approve: reminders, then the boss, then nobody."""

from .activities import book, notify
from .models import Decision, Expense
from .workflow import Approval

__all__ = ["Approval", "Decision", "Expense", "book", "notify"]
