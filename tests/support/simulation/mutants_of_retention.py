"""What retention has to wait for (docs/decisions/0013, 0074), left out on purpose."""

from __future__ import annotations

import asyncio

from sagaline._host.retention.senders import Senders
from sagaline._host.retention.sweep import Retention
from simulation import darkness, world
from simulation.mutant_registry import Patch, mutant

_DARK = [(darkness, "SEEDS", 1.0), (darkness, "SHARE", 1.0), (darkness, "MESSAGES", False)]
"""Many partitions are without an owner for longer than closed runs are kept."""


@mutant
def retires_before_the_commands_that_wait_are_taken() -> list[Patch]:
    async def settled(self: Retention) -> None:
        await asyncio.sleep(0)

    outages = (world, "WHAT_HAPPENS", [*world.WHAT_HAPPENS, *["outage"] * 2])  # it takes one to find it
    return [(Retention, "_commands_settled", settled), outages]


@mutant
def retires_without_asking_those_who_may_ask_again() -> list[Patch]:
    return [(Senders, "_all_have", lambda self, senders, is_behind: True), *_DARK]
