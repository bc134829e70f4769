"""What holds of limits, broken on purpose."""

from __future__ import annotations

from typing import Any

import msgspec

from sagaline._runtime.flow import requests
from sagaline._system.flow.limit import Limit
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


@mutant
def gives_a_slot_on_when_its_step_is_no_longer_waited_for() -> list[Patch]:
    """The slot goes as soon as the run has been granted it."""
    original = requests.Standing.hold

    def hold(self: requests.Standing) -> None:
        original(self)
        requests.outgoing.post(self._calls, self.limit_id, "release", self._request)

    return [(requests.Standing, "hold", hold)]


@mutant
def does_not_take_back_a_slot_that_was_given_to_nobody() -> list[Patch]:
    async def say(self: Limit, reply: Any) -> None:
        await self.answer(reply.request, reply.kind)
        self.table.arrived(reply.request)

    return [(Limit, "_say", say)]
