"""An expense that is approved late, and one that nobody looks at: ``python -m sagaline_sagas.approval``."""

from __future__ import annotations

import asyncio

from sagaline.testing import Environment

from . import Approval, Expense, book, notify


async def main() -> None:
    """Two expenses, on a virtual clock."""
    async with Environment(workflows=[Approval], activities=[notify, book]) as env:
        late = await env.start(Approval.run, Expense(employee="eve", cents=4_200, approver="ann", boss="zoe"))
        await env.advance("3d")
        await late.signal(Approval.approve, "ann")
        print(await late.result())
        begun = env.now
        print(await env.execute(Approval.run, Expense(employee="bob", cents=9_900, approver="ann", boss="zoe")))
        print(f"after {(env.now - begun).days} days")


if __name__ == "__main__":
    asyncio.run(main())
