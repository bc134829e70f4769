"""Scenario 7: two thousand activities, and two thousand children, of one run: memory, neighbours, a crash, limits."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import Any

import pytest
from fan_outs import CODE, NEIGHBOUR, Busy, begins, beside, fans_out, longest_gap, looks, naps, weighs
from three_modes import CACHE_OF_ZERO, NORMAL, in_each_mode, killed, run_in

from sagaline import Client, Workflow
from sagaline._host.options import HostOptions
from sagaline._model import limits

MANY = 2_000
FANS = pytest.mark.parametrize("fan", [weighs, begins], ids=lambda fan: fan.name)
_CRASHES = 3
_BYTES_EACH = 16_000
"""Of an activity or a child, with its records on the log, its rows in the store and what was not collected: the test
collects no garbage while it measures."""


@FANS
def test_a_crash_in_the_middle_changes_nothing(fan: Workflow[Any, Any]) -> None:
    scenario = fans_out(fan, MANY)
    normal = run_in(NORMAL, CODE, scenario)
    assert normal.outcome.returned == sum(range(MANY))
    assert normal.outcome.effects == ({"weigh": MANY} if fan is weighs else {})
    for number in range(1, _CRASHES + 1):
        at = normal.records * number // (_CRASHES + 1)
        run = run_in(killed(at)._replace(keeps_disk=number % 2 == 0), CODE, scenario)
        assert (run.kills, run.outcome) == (1, normal.outcome), f"killed after record {at} of {normal.records}"


def test_replayed_at_every_activation() -> None:
    scenario = fans_out(weighs, MANY)
    assert run_in(CACHE_OF_ZERO, CODE, scenario).outcome == run_in(NORMAL, CODE, scenario).outcome


@FANS
def test_smaller_ones_in_every_mode(fan: Workflow[Any, Any]) -> None:
    """A replay of all children at each of their ends takes their number squared, so there are fewer."""
    in_each_mode(CODE, fans_out(fan, 60), every=15)


@FANS
def test_the_partition_stays_responsive_for_a_neighbour(fan: Workflow[Any, Any]) -> None:
    """What it waits for between two of its steps is a share of the fan-out's records, and no larger for a larger one."""
    alone = run_in(NORMAL, CODE, beside(fan, 0, naps))
    beside_many = run_in(NORMAL, CODE, beside(fan, MANY, naps))
    assert beside_many.records > alone.records
    assert longest_gap(beside_many.order) <= 400
    assert beside_many.outcome.returned <= 5 * alone.outcome.returned
    larger = run_in(NORMAL, CODE, beside(fan, 2 * MANY, naps))
    assert longest_gap(larger.order) <= 400
    assert larger.outcome.returned <= 5 * alone.outcome.returned


def test_a_neighbours_attempts_wait_for_a_slot_in_the_order_they_came() -> None:
    """All slots are taken when its first attempt comes: those before it begin as the first thousand end."""
    Busy.now = Busy.most = 0
    took_s = run_in(NORMAL, CODE, beside(weighs, MANY, looks)).outcome.returned
    assert Busy.most == HostOptions.concurrent_activities
    assert took_s <= 1.9 + 0.5, "the longest attempt, and its own steps"


@FANS
def test_memory_grows_with_the_number_and_no_faster(fan: Workflow[Any, Any]) -> None:
    run_in(NORMAL, CODE, fans_out(fan, 10))  # what is loaded once
    each = [peak_bytes(fan, numbers) / numbers for numbers in (MANY // 4, MANY)]
    assert max(each) <= _BYTES_EACH
    assert each[1] <= 1.2 * each[0]


def peak_bytes(fan: Workflow[Any, Any], numbers: int) -> int:
    """The most memory that such a run has taken."""
    tracemalloc.start()
    try:
        run_in(NORMAL, CODE, fans_out(fan, numbers))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("fan", "limit", "said"),
    [
        (begins, limits.CHILDREN, "Expected at most 5,000 children at a time but one is one more"),
        (weighs, limits.COMMANDS, "Expected at most 10,000 activities and timers between two waits"),
    ],
    ids=["children", "activities"],
)
def test_one_above_the_limit_parks_its_run_with_the_reason_and_no_other(
    fan: Workflow[Any, Any], limit: int, said: str
) -> None:
    async def scenario(client: Client) -> tuple[str, str]:
        handle = await client.start(fan, limit + 1, id="fan")
        await client.execute(naps, 3, id=NEIGHBOUR)
        async with asyncio.timeout(60):
            while (described := await handle.describe()).status == "running":
                await asyncio.sleep(0.1)
        assert described.failure is not None
        return described.status, described.failure.message

    run = run_in(NORMAL, CODE, scenario)
    status, message = run.outcome.returned
    assert status == "parked"
    assert said in message
    assert not {name for name, _ in run.outcome.decisions["fan"]} & {"ChildRequested", "ActivityScheduled"}
    assert set(run.order) == {"fan", NEIGHBOUR}, "nothing was asked for"
