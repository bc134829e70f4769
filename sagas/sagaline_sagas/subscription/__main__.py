"""A year of a subscription in a second, on a virtual clock: ``python -m sagaline_sagas.subscription``."""

from __future__ import annotations

import asyncio
from typing import Any

from sagaline import Activity
from sagaline.testing import Environment

from . import Plan, charge_card, close_account, open_account, send_message, subscribe


async def main() -> None:
    """Runs one subscription from its trial to its end."""
    activities: list[Activity[..., Any]] = [charge_card, send_message, open_account, close_account]
    async with Environment(workflows=[subscribe], activities=activities) as env:
        begun = env.now
        summary = await env.execute(subscribe, Plan(customer="ada", cents=999))
        print(f"{summary.ended}: {summary.cents_paid / 100:.2f} in {(env.now - begun).days} days")


if __name__ == "__main__":
    asyncio.run(main())
