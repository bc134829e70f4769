"""Schedules in the test kit: a worker, a client and a clock that does not wait."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from schedule_sagas import WORKFLOWS, fails_once, forever, report, takes, totals

from sagaline import ConfigurationError, RequestRefused, Status
from sagaline.client import Calendar, Cron, Every
from sagaline.testing import Environment, EnvironmentOptions


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
async def env() -> AsyncIterator[Environment]:
    async with Environment(workflows=WORKFLOWS) as opened:
        yield opened


async def ids(env: Environment) -> list[str]:
    return [run.workflow_id for run in await env.client.runs()]


async def test_each_due_time_begins_a_run_of_its_own_id(env: Environment) -> None:
    await env.client.schedules.create("nightly", report, "EU", spec=Cron("0 2 * * *"))
    await env.advance("3d")
    runs = await env.client.runs()
    assert [run.workflow_id for run in runs] == [f"nightly-2026-01-0{day}T02:00:00Z" for day in (1, 2, 3)]
    assert {run.status for run in runs} == {Status.COMPLETED}
    assert (await env.client.handle("nightly-2026-01-02T02:00:00Z").describe()).result == "EU 2026-01-02T02:00:00+00:00"
    shown = await env.client.schedules.describe("nightly")
    assert (shown.fired, shown.skipped, shown.missed, shown.open) == (3, 0, 0, ())
    assert [(run.due_at, run.status) for run in shown.recent] == [
        (at(f"2026-01-0{day}T02:00:00"), "completed") for day in (1, 2, 3)
    ]
    assert shown.next_due[0] == at("2026-01-04T02:00:00")


async def test_skip_begins_nothing_while_a_run_is_open(env: Environment) -> None:
    await env.client.schedules.create("slow", takes, 150, spec=Every("1h"))
    await env.advance("6h")
    assert await ids(env) == ["slow-2026-01-01T01:00:00Z", "slow-2026-01-01T04:00:00Z"]
    shown = await env.client.schedules.describe("slow")
    assert (shown.fired, shown.skipped) == (2, 4)


async def test_buffer_one_keeps_the_first_that_waits(env: Environment) -> None:
    await env.client.schedules.create("slow", takes, 150, spec=Every("1h"), overlap="buffer_one")
    await env.advance("359m")
    assert await ids(env) == ["slow-2026-01-01T01:00:00Z", "slow-2026-01-01T02:00:00Z"]
    shown = await env.client.schedules.describe("slow")
    assert (shown.fired, shown.skipped, shown.waiting) == (2, 2, 1)


async def test_buffer_all_begins_each_behind_the_other(env: Environment) -> None:
    await env.client.schedules.create("slow", takes, 150, spec=Every("1h"), overlap="buffer_all")
    await env.advance("359m")
    shown = await env.client.schedules.describe("slow")
    assert (shown.fired, shown.skipped, shown.waiting) == (2, 0, 3)
    assert len(shown.open) == 1


async def test_cancel_other_begins_when_the_other_has_ended(env: Environment) -> None:
    await env.client.schedules.create("jobs", forever, spec=Every("1h"), overlap="cancel_other")
    await env.advance("3h")
    shown = await env.client.schedules.describe("jobs")
    assert [run.status for run in shown.recent] == ["cancelled", "cancelled"]
    assert [run.workflow_id for run in shown.open] == ["jobs-2026-01-01T03:00:00Z"]
    assert shown.fired == 3


async def test_terminate_other_begins_when_the_other_has_ended(env: Environment) -> None:
    await env.client.schedules.create("jobs", forever, spec=Every("1h"), overlap="terminate_other")
    await env.advance("150m")
    shown = await env.client.schedules.describe("jobs")
    assert [run.status for run in shown.recent] == ["terminated"]
    assert (await env.client.handle("jobs-2026-01-01T01:00:00Z").describe()).status == Status.TERMINATED
    assert [run.workflow_id for run in shown.open] == ["jobs-2026-01-01T02:00:00Z"]


async def test_allow_all_begins_beside(env: Environment) -> None:
    await env.client.schedules.create("jobs", takes, 150, spec=Every("1h"), overlap="allow_all")
    await env.advance("4h")
    shown = await env.client.schedules.describe("jobs")
    assert (shown.fired, len(shown.open), len(shown.recent)) == (4, 3, 1)


async def test_the_last_result_is_handed_on_over_failures_and_continuing_as_new(env: Environment) -> None:
    await env.client.schedules.create("totals", totals, spec=Every("1m"))
    await env.advance("4h")
    shown = await env.client.schedules.describe("totals")
    assert (shown.fired, shown.last_result) == (240, 240)
    described = await env.client.handle("sagaline.schedule/totals").describe()
    assert described.continued_from is not None
    assert described.events < 2_000
    assert (await env.client.handle("totals-2026-01-01T04:00:00Z").describe()).memo["sagaline.schedule"] == {
        "id": "totals",
        "due": "2026-01-01T04:00:00+00:00",
        "last_result": 239,
    }


async def test_pause_on_failure_says_why(env: Environment) -> None:
    await env.client.schedules.create("job", fails_once, spec=Every("1h"), pause_on_failure=True)
    await env.advance("3h")
    shown = await env.client.schedules.describe("job")
    assert shown.paused
    assert shown.note == "job-2026-01-01T01:00:00Z failed: DiskFull: the disk is full"
    assert shown.fired == 1
    assert [schedule.paused for schedule in await env.client.schedules.list()] == [True]
    await env.client.schedules.resume("job", "a new disk")
    await env.advance("2h")
    shown = await env.client.schedules.describe("job")
    assert (shown.paused, shown.note, shown.fired, shown.skipped) == (False, "a new disk", 3, 2)


async def test_what_was_due_while_no_worker_was_there_is_caught_up_within_the_window(env: Environment) -> None:
    await env.client.schedules.create("job", report, "EU", spec=Every("1h"), overlap="allow_all", catch_up="3h")
    await env._worker.stop()
    env._clock.set(env._clock() + 36_000_000)
    await env._worker.start(env.inside.log, env._registry)
    await env.advance("1s")
    shown = await env.client.schedules.describe("job")
    assert (shown.fired, shown.missed) == (4, 6)
    assert (await ids(env))[0] == "job-2026-01-01T07:00:00Z"


async def test_trigger_begins_a_run_now(env: Environment) -> None:
    schedules = env.client.schedules
    await schedules.create("job", takes, 90, spec=Every("1h"), paused=True, note="later")
    first = await schedules.trigger("job")
    assert first.startswith("job-2026-01-01T00:00:00")
    assert first.endswith("Z-trigger")
    with pytest.raises(RequestRefused, match="it was skipped: say overlap") as caught:
        await schedules.trigger("job")
    assert caught.value.type == "ScheduleBusy"
    second = await schedules.trigger("job", overlap="allow_all")
    await env.advance("2h")
    assert set(await ids(env)) == {first, second}
    assert [run.kind for run in (await schedules.describe("job")).recent] == ["trigger", "trigger"]


async def test_backfill_offers_each_due_time_of_the_past_once(env: Environment) -> None:
    schedules = env.client.schedules
    await schedules.create("job", report, "EU", spec=Every("1h"))
    await env.advance("2h")
    found = await schedules.backfill("job", at("2025-12-31T22:00:00"), at("2026-01-01T01:30:00"), overlap="buffer_all")
    assert found == 4
    await env.advance("1m")
    shown = await schedules.describe("job")
    assert (shown.fired, shown.refused, shown.backfills) == (5, 1, 0)
    assert len(await ids(env)) == 5


async def test_delete_ends_it_and_leaves_its_runs(env: Environment) -> None:
    schedules = env.client.schedules
    await schedules.create("job", takes, 90, spec=Every("1h"))
    await env.advance("61m")
    await schedules.delete("job")
    assert await schedules.list() == []
    for call in (schedules.describe, schedules.pause, schedules.trigger, schedules.delete):
        with pytest.raises(RequestRefused, match="Expected a schedule of id 'job' but there is none") as caught:
            await call("job")
        assert caught.value.type == "ScheduleNotFound"
    await env.advance("2h")
    assert [run.status for run in await env.client.runs()] == [Status.COMPLETED]
    await schedules.create("job", takes, 90, spec=Every("1h"))
    assert [schedule.id for schedule in await schedules.list()] == ["job"]


async def test_update_changes_what_is_named(env: Environment) -> None:
    schedules = env.client.schedules
    await schedules.create("job", report, "EU", spec=Every("1h"), jitter="1s")
    await env.advance("61m")
    await schedules.update("job", spec=[Cron("30 * * * *"), Calendar(hour=3, minute=15)], args=["US"])
    await env.advance("119m")
    shown = await schedules.describe("job")
    assert shown.settings == {"jitter_s": 1}
    assert [run.due_at for run in shown.recent] == [at(f"2026-01-01T0{t}:00") for t in ("1:00", "1:30", "2:30")]
    assert (await env.client.handle(shown.recent[-1].workflow_id).describe()).result.startswith("US")
    with pytest.raises(ConfigurationError, match="overlap"):
        await schedules.update("job", overlap="sometimes")
    with pytest.raises(ConfigurationError, match="region"):
        await schedules.update("job", args=[7])


async def test_a_schedule_is_there_once(env: Environment) -> None:
    schedules = env.client.schedules
    await schedules.create("job", report, "EU", spec=Every("1h"))
    with pytest.raises(RequestRefused, match="there is one of 'job'") as caught:
        await schedules.create("job", report, "EU", spec=Every("2h"))
    assert caught.value.type == "ScheduleExists"
    await schedules.create("job", report, "EU", spec=Every("3h"), if_exists="keep")
    assert (await schedules.describe("job")).specs == ("every 1h",)
    await schedules.create("job", report, "EU", spec=Every("3h"), if_exists="update")
    assert (await schedules.describe("job")).specs == ("every 3h",)


async def test_what_no_worker_can_run_is_refused(env: Environment) -> None:
    schedules = env.client.schedules
    with pytest.raises(ConfigurationError, match=r"Expected workflow to be .* knows \(fails_once, .*got 'reprot'"):
        await schedules.create("job", "reprot", "EU", spec=Every("1h"))
    with pytest.raises(ConfigurationError, match="region"):
        await schedules.create("job", "report", spec=Every("1h"))
    with pytest.raises(RequestRefused, match="there is none"):
        await schedules.describe("job")
    await schedules.create("job", "report", "EU", spec=Every("1h"))
    assert (await schedules.describe("job")).args == ["EU"]


async def test_a_run_that_takes_too_long_is_cancelled(env: Environment) -> None:
    await env.client.schedules.create("job", forever, spec=Every("1h"), run_timeout="10m", pause_on_failure=True)
    await env.advance("2h")
    shown = await env.client.schedules.describe("job")
    assert [run.status for run in shown.recent] == ["timed_out"]
    assert shown.paused


async def test_jitter_is_the_same_for_a_due_time_and_keeps_the_order(env: Environment) -> None:
    await env.client.schedules.create("job", report, "EU", spec=Every("1h"), jitter="40m")
    await env.advance("8h")
    recent = (await env.client.schedules.describe("job")).recent
    late = [run.began_at - run.due_at for run in recent]
    assert len(set(late)) > 1
    assert all(timedelta() <= by <= timedelta(minutes=40) for by in late)


async def test_runs_of_a_schedule_are_found_by_it(env: Environment) -> None:
    await env.client.schedules.create(
        "job", report, "EU", spec=Every("1h"), search_attributes={"tier": 2}, memo={"a": 1}
    )
    await env.advance("1h")
    (run,) = await env.client.runs(search_attributes={"sagaline.schedule": "job", "tier": 2})
    assert (await env.client.handle(run.workflow_id).describe()).memo["a"] == 1


async def test_a_firing_that_was_ended_by_hand_blocks_nothing_for_ever(env: Environment) -> None:
    schedules = env.client.schedules
    await schedules.create("job", forever, spec=Every("1m"))
    await env.advance("5m")
    await env.client.handle("sagaline.firing/job-2026-01-01T00:01:00Z").terminate("by hand")
    await env.advance("1m")
    shown = await schedules.describe("job")
    assert [run.status for run in shown.recent] == ["terminated"]
    await env.advance("150m")  # it has continued as new
    (open_run,) = (await schedules.describe("job")).open
    await env.client.handle(f"sagaline.firing/{open_run.workflow_id}").terminate("by hand")
    await env.advance("250m")
    shown = await schedules.describe("job")
    assert [run.status for run in shown.recent] == ["terminated", "lost"]
    assert shown.fired == 3


async def test_it_goes_on_behind_workers_that_come_and_go(env: Environment) -> None:
    await env.client.schedules.create("totals", totals, spec=Every("1m"))
    for _ in range(5):
        await env.advance("25m")
        await env.restart()
    await env.advance("1s")
    assert (await env.client.schedules.describe("totals")).last_result == 125
    assert len(await ids(env)) == 125


async def test_its_code_is_deterministic() -> None:
    """Nothing is kept in memory: each activation replays."""
    async with Environment(workflows=WORKFLOWS, options=EnvironmentOptions(replay_always=True)) as env:
        schedules = env.client.schedules
        await schedules.create("all", takes, 90, spec=Cron("*/30 * * * *"), overlap="terminate_other", jitter="5m")
        await schedules.create("one", totals, spec=Every("20m"), overlap="buffer_one")
        await env.advance("3h")
        await schedules.pause("all", "a while")
        await schedules.backfill("one", at("2025-12-31T00:00:00"), at("2025-12-31T02:00:00"), overlap="buffer_all")
        await schedules.trigger("all", overlap="allow_all")
        await env.advance("1h")
        await schedules.resume("all")
        await env.advance("2h")
        assert (await schedules.describe("one")).last_result == 25
        assert (await schedules.describe("all")).skipped == 3  # what was due at 03:00 was later, by its jitter
        assert [run.failure for run in await env.client.runs("parked", system=True)] == []
        await schedules.delete("all")
