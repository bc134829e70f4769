"""Runs are replayed by processes with other hash seeds."""

from __future__ import annotations

import pytest
from kit_sagas import ACTIVITIES, Order, by_set_order, fulfil

from sagaline import ConfigurationError, workflow
from sagaline.testing import HashSeedMismatch
from sagaline.testing.plugin import MakeEnvironment

NAMES = ["a", "bb", "ccc", "dddd", "eeeee", "ffffff", "ggggggg", "hhhhhhhh"]


async def test_code_that_goes_by_the_order_of_a_set_is_caught(sagaline_env: MakeEnvironment) -> None:
    env = sagaline_env(workflows=[by_set_order], activities=ACTIVITIES, hash_seeds=[0, 1])
    with pytest.raises(HashSeedMismatch, match=r"(?s)PYTHONHASHSEED=[01] but.*history: activity.*kit_sagas.py:\d+"):
        async with env:
            await env.execute(by_set_order, NAMES)


async def test_deterministic_code_passes(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[fulfil], activities=ACTIVITIES, hash_seeds=[0]) as env:
        await env.execute(fulfil, Order("1"))


async def test_workflows_that_another_process_cannot_find_and_seeds_that_are_none(
    sagaline_env: MakeEnvironment,
) -> None:
    @workflow
    async def inside() -> None: ...

    with pytest.raises(ConfigurationError, match="Expected workflows at the top of a module"):
        async with sagaline_env(workflows=[inside], hash_seeds=[1]) as env:
            await env.execute(inside)
    for wrong in ([-1], ["1"], range(101)):
        with pytest.raises(ConfigurationError, match="Expected at most 100 hash seeds"):
            sagaline_env(workflows=[inside], hash_seeds=wrong)  # type: ignore[arg-type]
