"""A saga that is made to fail at each of its steps, in each way: the books have to be blank after each."""

from __future__ import annotations

import pytest
from kit_sagas import ACTIVITIES, Order, books, charge, fulfil, refund, reserve

from sagaline import ConfigurationError, RunHandle, saga
from sagaline.testing import Environment, Trial, fail_after_each_step
from sagaline.testing.plugin import MakeEnvironment


async def test_whatever_step_fails_nothing_stands_afterwards(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[fulfil], activities=ACTIVITIES) as env:

        async def begin() -> RunHandle[str]:
            books.__init__()  # type: ignore[misc]
            return await env.start(fulfil, Order("1"))

        def check(trial: Trial) -> None:
            assert books.is_blank

        trials = await fail_after_each_step(env, begin, check)
    assert [(trial.activity, trial.way) for trial in trials] == [
        (name, way) for name in ("reserve", "charge", "ship") for way in ("error", "lost", "cancel")
    ]
    assert {trial.status for trial in trials} == {"compensated", "cancelled"}


async def test_a_saga_that_leaves_something_behind_is_caught_with_the_trial(sagaline_env: MakeEnvironment) -> None:
    @saga
    async def forgets(order: Order) -> None:
        await reserve(order)
        await charge(order)

    async with sagaline_env(workflows=[forgets], activities=[reserve, charge]) as env:
        env.stand_in(refund, lambda order: None)

        async def begin() -> RunHandle[None]:
            books.__init__()  # type: ignore[misc]
            return await env.start(forgets, Order("1"))

        async def check(trial: Trial) -> None:
            assert not books.charged

        with pytest.raises(AssertionError) as caught:
            await fail_after_each_step(env, begin, check)
    assert "in the trial: lost at step 2 (charge): the run is compensated" in caught.value.__notes__[0]
    assert "undo charge by refund: completed" in caught.value.__notes__[0]


async def test_a_run_that_goes_another_way_is_told(sagaline_env: MakeEnvironment) -> None:
    begun: list[int] = []

    @saga
    async def changes(order: Order) -> None:
        await reserve(order)
        if order.cents == 1:
            await charge(order)

    async with sagaline_env(workflows=[changes], activities=[reserve, charge]) as env:

        async def begin() -> RunHandle[None]:
            begun.append(1)
            return await env.start(changes, Order("1", len(begun)))

        with pytest.raises(AssertionError, match=r"Expected each run to come to step 2 \(charge\).*'run-5' has not"):
            await fail_after_each_step(env, begin, lambda trial: None)


async def test_ways_are_words(sagaline_env: MakeEnvironment) -> None:
    env: Environment = sagaline_env(workflows=[fulfil], activities=ACTIVITIES)
    with pytest.raises(ConfigurationError, match="Expected ways to be some of error, lost, cancel but got"):
        await fail_after_each_step(env, lambda: env.start(fulfil, Order("1")), lambda trial: None, ways=["no"])  # type: ignore[list-item]
