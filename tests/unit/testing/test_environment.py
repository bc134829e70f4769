"""The environment: a worker and a client in the test's process, on a clock that jumps."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from kit_sagas import ACTIVITIES, Order, fulfil, reserve, ship

from sagaline import Client, RunError, SagalineError, activity, workflow
from sagaline.errors import NamespaceNotFound
from sagaline.testing import Environment, EnvironmentOptions
from sagaline.testing.plugin import MakeEnvironment

ORDER = Order("1")


async def test_a_month_passes_in_milliseconds_and_exactly(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[fulfil], activities=ACTIVITIES) as env:
        begun, before = env.now, time.perf_counter()
        assert await env.execute(fulfil, ORDER) == "track-1, paid 500"
        assert time.perf_counter() - before < 60
        assert env.now - begun == timedelta(days=30)


async def test_the_clock_stands_still_while_nobody_waits_and_moves_by_hand(sagaline_env: MakeEnvironment) -> None:
    start = datetime(2030, 6, 1, tzinfo=UTC)
    async with sagaline_env(workflows=[fulfil], activities=ACTIVITIES, start=start) as env:
        handle = await env.start(fulfil, ORDER)
        await env.advance("29d")
        description = await handle.describe()
        assert (description.status, description.waits_for[0].kind) == ("running", "timer")
        assert env.calls(ship) == []
        await env.advance("1d")
        assert (await handle.describe()).status == "completed"
        assert env.now == start + timedelta(days=30)


async def test_a_worker_of_fixed_code_takes_a_parked_run_up(sagaline_env: MakeEnvironment) -> None:
    @workflow(name="greet")
    async def broken(name: str) -> str:
        await reserve(Order(name))
        raise KeyError(name)

    @workflow(name="greet")
    async def fixed(name: str) -> str:
        return await reserve(Order(name))

    async with sagaline_env(workflows=[broken], activities=[reserve]) as env:
        handle = await env.start(broken, "x")
        await env.advance("1s")
        assert (await handle.describe()).status == "parked"
        await env.deploy(workflows=[fixed], activities=[reserve])
        assert await handle.result() == "reservation-x"
        assert len(env.calls(reserve)) == 1


async def test_a_restart_loses_nothing(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[fulfil], activities=ACTIVITIES) as env:
        handle = await env.start(fulfil, ORDER)
        await env.advance("1d")
        await env.restart()
        assert await handle.result() == "track-1, paid 500"
        assert [call.activity for call in env.parts.calls] == ["reserve", "charge", "ship"]


async def test_code_that_is_not_deterministic_is_caught_by_replay_always() -> None:
    turns: list[int] = []

    @workflow
    async def changes_its_mind() -> None:
        turns.append(1)
        await (reserve if len(turns) < 3 else ship)(ORDER)
        await reserve(ORDER)

    options = EnvironmentOptions(replay_always=True)
    async with Environment(workflows=[changes_its_mind], activities=ACTIVITIES, options=options) as env:
        with pytest.raises(
            AssertionError, match=r"it is parked: HistoryMismatch: Expected activity 'reserve' as step 1"
        ):
            await env.execute(changes_its_mind)


async def test_environments_do_not_meet_and_leave_nothing_behind(sagaline_env: MakeEnvironment) -> None:
    async with (
        sagaline_env(workflows=[fulfil], activities=ACTIVITIES) as one,
        sagaline_env(workflows=[fulfil], activities=ACTIVITIES) as other,
    ):
        await one.start(fulfil, ORDER)
        assert [run.workflow_id for run in await one.client.runs()] == ["run-1"]
        assert await other.client.runs() == []
        url = "memory://test"
    with pytest.raises(NamespaceNotFound, match="test"):
        await Client.connect(url)
    with pytest.raises(SagalineError, match="Expected an environment that is open"):
        one.client  # noqa: B018


async def test_the_environment_is_no_place_to_call_before_it_is_open() -> None:
    env = Environment(workflows=[fulfil], activities=ACTIVITIES)
    with pytest.raises(SagalineError, match="as in `async with Environment"):
        await env.execute(fulfil, ORDER)


@pytest.mark.parametrize("scheme", ["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
async def test_the_same_on_other_logs(scheme: str, request: pytest.FixtureRequest, tmp_path) -> None:
    if scheme == "kafka":
        log = f"kafka://{request.getfixturevalue('broker').address}"
    else:
        log = f"sqlite:///{tmp_path / 'kit.db'}"
    options = EnvironmentOptions(log)
    async with Environment(workflows=[fulfil], activities=ACTIVITIES, options=options) as env:
        begun = env.now
        assert await env.execute(fulfil, ORDER) == "track-1, paid 500"
        assert env.now - begun == timedelta(days=30)
        env.fail(ship, ConnectionError("no van"), attempts=[1, 2])
        await env.execute(fulfil, ORDER)
        env.time_out(ship)
        with pytest.raises(RunError):
            await env.execute(fulfil, ORDER)
        await env.advance("1d")


async def test_payload_types_are_checked_between_stand_in_and_workflow(sagaline_env: MakeEnvironment) -> None:
    @activity
    async def answer() -> int:
        return 42

    @workflow
    async def ask() -> int:
        return await answer()

    async with sagaline_env(workflows=[ask]) as env:
        env.stand_in(answer, lambda: "no number")  # type: ignore[arg-type, return-value]
        with pytest.raises(RunError, match="Expected answer to return int but it returned 'no number'"):
            await env.execute(ask)


@pytest.mark.parametrize("log", ["memory", "sqlite"])
async def test_the_clock_does_not_move_while_requests_are_on_their_way(log: str, tmp_path) -> None:
    options = EnvironmentOptions(f"sqlite:///{tmp_path / 'kit.db'}" if log == "sqlite" else log)
    async with Environment(workflows=[fulfil], activities=ACTIVITIES, options=options) as env:
        handle = await env.start(fulfil, ORDER)
        await env.advance("1h")
        before = env.now
        for _ in range(30):
            assert (await handle.describe()).status == "running"
        assert env.now == before
