"""What holds of limits, broken on purpose."""

from __future__ import annotations

from typing import Any

import msgspec

from sagaline._system.flow.table import FlowTable
from simulation.mutant_registry import Patch, mutant


@mutant
def lets_one_more_begin_than_a_limit_allows() -> list[Patch]:
    original = FlowTable.ask

    def ask(self: FlowTable, ask: Any, now_ms: int) -> None:
        rules = ask.rules
        more = msgspec.structs.replace(
            rules, limit=rules.limit and rules.limit + 1, total=rules.total and rules.total + 1
        )
        original(self, msgspec.structs.replace(ask, rules=more), now_ms)

    return [(FlowTable, "ask", ask)]


@mutant
def lets_a_rate_give_all_that_wait() -> list[Patch]:
    return [(FlowTable, "_is_due", lambda self, now_ms: True)]  # pyright: ignore[reportUnknownLambdaType]


@mutant
def keeps_the_slots_of_runs_that_have_ended() -> list[Patch]:
    def release(self: FlowTable, request: str) -> None:
        if request not in self.state.slots:
            original(self, request)

    original = FlowTable.release
    return [(FlowTable, "release", release)]
