"""What retention has to wait for (docs/decisions/0013), left out on purpose."""

from __future__ import annotations

import asyncio

from sagaline._host.retention.sweep import Retention
from simulation.mutant_registry import Patch, mutant


@mutant
def retires_before_the_commands_that_wait_are_taken() -> list[Patch]:
    async def settled(self: Retention) -> None:
        await asyncio.sleep(0)

    return [(Retention, "_commands_settled", settled)]
