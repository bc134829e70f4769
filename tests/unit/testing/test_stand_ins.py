"""Stand-ins by type, injected faults, and what is recorded of each attempt."""

from __future__ import annotations

from unittest.mock import AsyncMock

import pytest
from kit_sagas import (
    ACTIVITIES,
    Books,
    CardDeclined,
    Order,
    books,
    charge,
    fulfil,
    patient,
    refund,
    release,
    reserve,
    ship,
)

from sagaline import ConfigurationError, RunError, workflow
from sagaline.testing import Environment, Stuck
from sagaline.testing.plugin import MakeEnvironment

ORDER = Order("1")


@pytest.fixture
def env(sagaline_env: MakeEnvironment) -> Environment:
    books.__init__()  # type: ignore[misc]
    return sagaline_env(workflows=[fulfil, patient], activities=ACTIVITIES)


async def test_a_stand_in_takes_the_place_of_an_activity_whatever_kind_it_is(env: Environment) -> None:
    async with env:
        env.stand_in(charge, lambda order: order.cents * 2)
        env.stand_in(ship, AsyncMock(return_value="by hand"))
        assert await env.execute(fulfil, ORDER) == "by hand, paid 1000"
        (call,) = env.calls(charge)
        assert (call.arguments, call.result, call.attempt) == ({"order": ORDER}, 1000, 1)
        assert call.info.workflow_id == "run-1"
        assert not books.charged


async def test_an_activity_that_only_a_stand_in_plays_need_not_be_registered(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[fulfil]) as env:
        for name, fn in ((reserve, lambda order: "r"), (ship, lambda order: "t")):
            env.stand_in(name, fn)

        async def declined(order: Order) -> int:
            raise CardDeclined("the bank says no")

        released: list[str | None] = []
        env.stand_in(charge, declined)
        env.stand_in(release, lambda order, reservation: released.append(reservation))
        with pytest.raises(RunError, match="CardDeclined: the bank says no"):
            await env.execute(fulfil, ORDER)
        assert released == ["r"]


async def test_a_stand_in_of_other_arguments_is_refused_with_both_places(env: Environment) -> None:
    def takes_two(order: Order, more: int) -> str:
        return ""

    with pytest.raises(ConfigurationError, match=r"of reserve \(.*kit_sagas.py:\d+\).*test_stand_ins.py:\d+ takes"):
        env.stand_in(reserve, takes_two)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="Expected a function as the stand-in of reserve but got 5"):
        env.stand_in(reserve, 5)  # type: ignore[call-overload]


async def test_the_nth_attempt_fails(env: Environment) -> None:
    async with env:
        env.fail(charge, ConnectionError("broken"), attempts=[1, 3])
        env.fail(reserve, ConnectionError("broken"), attempts=[1])
        await env.execute(fulfil, ORDER)
        assert [call.attempt for call in env.calls(charge)] == [1, 2]
        assert [type(call.error) for call in env.calls(reserve)] == [ConnectionError, type(None)]
        (await env.history("run-1")).expect("""
            reserve: completed after 2 attempts
            charge: completed after 2 attempts
            timer of 30d: fired
            ship: completed
            completed: track-1, paid 500
        """)


@pytest.mark.parametrize("step", [charge, ship])
async def test_a_time_out_has_no_effect_and_a_lost_result_has(env: Environment, step: object) -> None:
    async with env:
        env.time_out(step, attempts=[1])  # type: ignore[arg-type]
        env.lose_result(step, attempts=[2])  # type: ignore[arg-type]
        assert await env.execute(fulfil, ORDER) == "track-1, paid 500"
        first, second, third = env.calls(step)  # type: ignore[arg-type]
        assert first.result is None
        assert second.result is not None
        assert second.result == third.result
        assert {call.info.idempotency_key for call in (first, second, third)} == {second.info.idempotency_key}
        assert (books.charged if step is charge else books.shipped) == {second.info.idempotency_key}


async def test_an_unknown_outcome_is_undone(env: Environment) -> None:
    async with env:
        env.lose_result(charge)
        with pytest.raises(RunError, match="compensated: Timeout"):
            await env.execute(fulfil, ORDER)
        (undo,) = env.calls(refund)
        assert undo.info.compensates is not None
        assert undo.info.compensates.outcome == "unknown"
        assert books == Books()


async def test_attempts_are_numbers(env: Environment) -> None:
    for wrong in ([], [0], ["1"]):
        with pytest.raises(ConfigurationError, match=r"Expected attempts to be numbers from 1"):
            env.fail(charge, ConnectionError(), attempts=wrong)  # type: ignore[arg-type]


async def test_a_test_that_waits_for_what_cannot_come_is_told(env: Environment) -> None:
    async with env:
        with pytest.raises(Stuck, match="nothing is left to happen: no timer is set"):
            await env.execute(patient)


async def test_a_parked_run_says_why_at_once(sagaline_env: MakeEnvironment) -> None:
    @workflow
    async def buggy() -> None:
        raise KeyError("no such key")

    async with sagaline_env(workflows=[buggy]) as env:
        with pytest.raises(Stuck, match="it is parked: KeyError: 'no such key'"):
            await env.execute(buggy)
