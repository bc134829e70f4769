"""The frame of the scenarios itself: what a crash or a replay would change is seen, and what they leave alone is not."""

from __future__ import annotations

import itertools

import pytest
from scenario_book import effect
from three_modes import Code, in_each_mode

from sagaline import Client, activity, workflow


@activity
async def charge(amount: int) -> int:
    effect()
    return amount


@workflow
async def order() -> int:
    return await charge(1) + await charge(2)


_calls = itertools.count()


@activity
async def counts() -> int:
    return next(_calls)


@workflow
async def counts_attempts() -> int:
    return await counts()


def test_a_kill_after_each_record_changes_nothing() -> None:
    async def scenario(client: Client) -> int:
        return await client.execute(order, id="o")

    outcomes = in_each_mode(Code([order], [charge]), scenario)
    assert len(outcomes) == 5, "normal, cache of zero, and three records"
    assert outcomes["normal"].effects == {"charge": 2}
    assert [name for name, _ in outcomes["normal"].decisions["o"]] == ["ActivityScheduled"] * 2 + ["RunCompleted"]


def test_what_differs_names_its_mode() -> None:
    async def scenario(client: Client) -> int:
        return await client.execute(counts_attempts, id="c")

    with pytest.raises(AssertionError, match=r"different: {'cache of zero'"):
        in_each_mode(Code([counts_attempts], [counts]), scenario)
