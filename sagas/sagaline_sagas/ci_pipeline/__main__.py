"""A commit through the pipeline, and one that fails: ``python -m sagaline_sagas.ci_pipeline``."""

from __future__ import annotations

import asyncio
import sys

from sagaline import Client, RunError, Worker

from . import Commit, Job, check_health, deliver, deploy, run_job
from .activities import servers

URL = "memory://ci-pipeline"


def job(name: str, code: str) -> Job:
    """A job that runs a line of Python."""
    return Job(name=name, command=[sys.executable, "-c", code])


async def main() -> None:
    """A good commit, then one with a job that fails while another would take an hour."""
    good = Commit(id="a1", jobs=[job("lint", "print('clean')"), job("test", "print('42 passed')")])
    bad = Commit(id="b2", jobs=[job("lint", "raise SystemExit(1)"), job("slow", "import time; time.sleep(3600)")])
    async with (
        Worker(URL, workflows=[deliver], activities=[run_job, deploy, check_health]),
        await Client.connect(URL) as client,
    ):
        print(await client.execute(deliver, good, id="a1"))
        try:
            await client.execute(deliver, bad, id="b2")
        except RunError as error:
            print(f"b2 is not delivered: {error.type}: {error.failure.message}")
    print(f"what runs: {servers}")


if __name__ == "__main__":
    asyncio.run(main())
