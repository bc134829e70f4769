"""The pipeline: fan out, wait for all, deploy one environment after the other."""

from __future__ import annotations

import asyncio

from sagaline import saga

from .activities import check_health, deploy, run_job
from .models import Commit, Outcome


@saga
async def deliver(commit: Commit) -> Outcome:
    """Delivers a commit to all of its environments, or leaves them as they were.

    The first job that fails stops those that still run. A deploy that is not healthy rolls back all of them; so does
    cancelling the run.
    """
    async with asyncio.TaskGroup() as group:
        jobs = [group.create_task(run_job(job), name=job.name) for job in commit.jobs]
    for environment in commit.environments:
        await deploy(environment, commit.id)
        await check_health(environment)
    return Outcome(commit=commit.id, passed=[job.result().name for job in jobs], deployed=commit.environments)
