"""The approval: it waits for a person, reminds, asks the boss, and gives up."""

from __future__ import annotations

from sagaline import workflow

from .activities import book, notify
from .models import Decision, Expense

_REMINDERS = 3
_PATIENCE = "2d"
_LAST = "7d"


@workflow
class Approval:
    """One expense. Whoever decides first decides."""

    def __init__(self, expense: Expense) -> None:
        self.decision: Decision | None = None

    @workflow.signal
    def approve(self, by: str) -> None:
        """Somebody says yes."""
        self.decision = self.decision or Decision(approved=True, by=by)

    @workflow.signal
    def decline(self, by: str, reason: str) -> None:
        """Somebody says no."""
        self.decision = self.decision or Decision(approved=False, by=by, reason=reason)

    @workflow.run
    async def run(self, expense: Expense) -> Decision:
        """Asks until somebody has decided; nobody is a no."""
        decision = await self._ask(expense)
        await notify(expense.employee, f"approved: {decision.approved} (by {decision.by}) {decision.reason}".strip())
        if decision.approved:
            await book(expense)
        return decision

    async def _ask(self, expense: Expense) -> Decision:
        text = f"{expense.employee} has spent {expense.cents / 100:.2f}"
        await notify(expense.approver, text)
        for number in range(1, _REMINDERS + 1):
            if await self._decided(_PATIENCE):
                break
            await notify(expense.approver, f"{text} (reminder {number})")
        else:
            await notify(expense.boss, f"{text}, and {expense.approver} does not answer")
            await self._decided(_LAST)
        return self.decision or Decision(approved=False, by="nobody", reason="no answer in time")

    async def _decided(self, within: str) -> bool:
        """Whether there is a decision within a time."""
        try:
            await workflow.wait_condition(lambda: self.decision is not None, timeout=within)
        except TimeoutError:
            return False
        return True
