"""The pipeline: what runs where afterwards, for each way it can go."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial

import pytest

from sagaline import RunError
from sagaline.testing import Environment, Trial, fail_after_each_step
from sagaline.testing.plugin import MakeEnvironment

from .. import Commit, Job, JobResult, check_health, deliver, deploy, run_job
from ..activities import Unhealthy, servers

COMMIT = Commit(id="a1", jobs=[Job(name=name, command=["true"]) for name in ("lint", "types", "tests")])


@pytest.fixture
def env(sagaline_env: MakeEnvironment) -> Iterator[Environment]:
    servers.update(staging="old", production="old")
    yield sagaline_env(workflows=[deliver], activities=[run_job, deploy, check_health])
    servers.clear()


def passes(job: Job) -> JobResult:
    return JobResult(name=job.name, output="fine")


async def test_a_commit_is_delivered(env: Environment) -> None:
    async with env:
        env.stand_in(run_job, passes)
        outcome = await env.execute(deliver, COMMIT)
        assert outcome.passed == ["lint", "types", "tests"]
        assert servers == {"staging": "a1", "production": "a1"}


async def test_the_first_job_that_fails_stops_the_others(env: Environment) -> None:
    commit = Commit(
        id="b2",
        jobs=[
            Job(name="lint", command=[sys.executable, "-c", "raise SystemExit(3)"]),
            Job(name="hour", command=[sys.executable, "-c", "import time; time.sleep(3600)"]),
        ],
    )
    async with env:
        with pytest.raises(RunError, match="lint ended with 3"):
            await env.execute(deliver, commit)
        assert (await env.history("run-1")).activities == ["run_job", "run_job"]
        assert servers == {"staging": "old", "production": "old"}


async def test_a_bad_deploy_takes_all_environments_back(env: Environment) -> None:
    async with env:
        env.stand_in(run_job, passes)

        async def health(environment: str) -> None:
            if environment == "production":
                raise Unhealthy("500")

        env.stand_in(check_health, health)
        with pytest.raises(RunError, match="compensated: Unhealthy: 500"):
            await env.execute(deliver, COMMIT)
        assert servers == {"staging": "old", "production": "old"}
        assert (await env.history("run-1")).activities[-2:] == ["roll_back", "roll_back"]


async def test_wherever_it_stops_the_environments_are_as_before_or_both_new(env: Environment) -> None:
    async with env:
        env.stand_in(run_job, passes)

        def check(trial: Trial) -> None:
            version = COMMIT.id if trial.completed else "old"
            assert servers == {"staging": version, "production": version}

        before = partial(servers.update, staging="old", production="old")
        trials = await fail_after_each_step(deliver, COMMIT, check, env=env, before=before)
        assert len(trials) == 1 + 7 * 5
