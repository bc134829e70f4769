"""What the pipeline does: commands in processes, and deploys. Put your cluster in the place of ``servers``."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE, STDOUT, create_subprocess_exec

from sagaline import ApplicationError, Retry, activity

from .models import Job, JobResult

_SHOWN = 2_000
servers: dict[str, str] = {}
"""What runs where; here a table in this process."""
_before: dict[str, str | None] = {}
"""What ran before each deploy, by idempotency key: the cluster remembers, so that a lost answer costs nothing."""


class JobFailed(ApplicationError):
    """The command ended with another code than 0: trying again would not help."""

    retryable = False


class Unhealthy(ApplicationError):
    """What was deployed does not answer."""


@activity(timeout="10m", retry=Retry(attempts=2), refusals=(JobFailed,))
async def run_job(job: Job) -> JobResult:
    """Runs a command. A run that is cancelled, or whose other jobs fail, kills it."""
    process = await create_subprocess_exec(*job.command, stdout=PIPE, stderr=STDOUT)
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.communicate()
        raise
    output = said.decode(errors="replace")[-_SHOWN:]
    if process.returncode != 0:
        raise JobFailed(f"{job.name} ended with {process.returncode}: {output}")
    return JobResult(name=job.name, output=output)


@activity
async def deploy(environment: str, commit: str) -> None:
    """Deploys. The cluster remembers under the key what ran before; a repeat changes nothing more."""
    _before.setdefault(activity.info().idempotency_key, servers.get(environment))
    servers[environment] = commit


@deploy.compensation
async def roll_back(environment: str, commit: str) -> None:
    """Puts back what ran before, if the deploy has had an effect."""
    step = activity.info().compensates
    if step is None or step.idempotency_key not in _before:
        return
    before = _before.pop(step.idempotency_key)
    if before is None:
        servers.pop(environment, None)
    else:
        servers[environment] = before


@activity(retry=Retry(attempts=5, first_interval="2s"))
async def check_health(environment: str) -> None:
    """Asks whether it answers, a few times."""
    if environment not in servers:
        raise Unhealthy(f"{environment} does not answer")
