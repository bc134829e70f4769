"""What retention has to wait for (docs/decisions/0013), left out on purpose."""

from __future__ import annotations

import asyncio

from sagaline._host.retention.sweep import Retention
from simulation import world
from simulation.mutant_registry import Patch, mutant


@mutant
def retires_before_the_commands_that_wait_are_taken() -> list[Patch]:
    async def settled(self: Retention) -> None:
        await asyncio.sleep(0)

    outages = (world, "WHAT_HAPPENS", [*world.WHAT_HAPPENS, *["outage"] * 2])  # it takes one to find it
    return [(Retention, "_commands_settled", settled), outages]
