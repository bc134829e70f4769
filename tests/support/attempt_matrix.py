"""Scenarios 2 and 3: every way in which attempts follow each other, and an attempt that resumes where one has failed."""

from __future__ import annotations

import asyncio
from typing import Any

from scenario_book import effect
from three_modes import Code

from sagaline import ActivityError, ApplicationError, Client, Failure, Retry, activity, workflow

QUICK = Retry(attempts=3, first_interval="10ms", jitter=0)


class Declined(Exception):
    """The participant says no."""


@activity(retry=QUICK)
async def flaky() -> str:
    if activity.info().attempt < 3:
        raise ConnectionError(f"attempt {activity.info().attempt}")
    return f"done in attempt {activity.info().attempt}"


@activity(retry=Retry(attempts=2, first_interval="10ms"))
async def broken() -> str:
    raise ConnectionError(f"attempt {activity.info().attempt}")


@activity(retry=Retry(attempts=2, first_interval="10ms"))
def broken_in_a_thread() -> str:
    raise ConnectionError(f"attempt {activity.info().attempt}")


@activity(retry=Retry(non_retryable=[ConnectionError]))
async def hopeless() -> str:
    raise ConnectionError(f"attempt {activity.info().attempt}")


@activity(refusals=[Declined])
async def declined() -> str:
    raise Declined(f"attempt {activity.info().attempt}")


@activity(retry=QUICK, retry_if=lambda error: "1" in str(error))
async def asked() -> str:
    raise ConnectionError(f"attempt {activity.info().attempt}")


@activity(retry=Retry(attempts=2, first_interval="1h"))
async def says_when() -> str:
    raise ApplicationError(f"attempt {activity.info().attempt}", type="Busy", next_delay="10ms")


@activity(timeout="1s", retry=Retry(attempts=2, first_interval="10ms"))
async def slow() -> str:
    await asyncio.sleep(3_600)
    return "never"


@activity(heartbeat_timeout="1s", timeout="1h", retry=Retry(attempts=2, first_interval="10ms"))
async def silent() -> str:
    await asyncio.sleep(3_600)
    return "never"


@activity(total_timeout="40s", retry=Retry(attempts=0, first_interval="15s", coefficient=1, jitter=0))
async def persistent() -> str:
    raise ConnectionError(f"attempt {activity.info().attempt}")


@activity(timeout="1h", total_timeout="5s")
async def cut() -> str:
    await asyncio.sleep(3_600)
    return "never"


STEPS = (
    *(flaky, broken, broken_in_a_thread, hopeless, declined, asked, says_when),
    *(slow, silent, persistent, cut),
)
EXPECTED = [
    "done in attempt 3",
    *["ConnectionError: attempt 2"] * 2,
    "ConnectionError: attempt 1",
    "Declined: attempt 1",
    "ConnectionError: attempt 2",
    "Busy: attempt 2",
    "Timeout: slow did not end within 1 s (attempt 2)",
    "HeartbeatTimeout: silent gave no heartbeat within 1 s (attempt 2)",
    "TotalTimeout: persistent did not end, with all attempts and waits, within 40 s (attempt 3), for ConnectionError: "
    "attempt 3",
    "TotalTimeout: cut did not end, with all attempts and waits, within 5 s (attempt 1)",
]


def chain(failure: Failure | None) -> str:
    """A failure and what led to it."""
    parts: list[str] = []
    while failure is not None:
        parts.append(f"{failure.type}: {failure.message}")
        failure = failure.cause
    return ", for ".join(parts)


@workflow
async def matrix() -> list[str]:
    outcomes: list[str] = []
    for step in STEPS:
        try:
            outcomes.append(await step())
        except ActivityError as error:
            outcomes.append(chain(error.failure))
    return outcomes


async def attempts(client: Client) -> Any:
    return await client.execute(matrix, id="matrix")


ITEMS = 100


@activity(heartbeat_timeout="30s", retry=QUICK)
async def import_items() -> list[int]:
    """Fails at item 50, once."""
    first = activity.heartbeat_details(int) or 0
    done: list[int] = []
    for item in range(first, ITEMS):
        if item == 50 and activity.info().attempt == 1:
            raise ConnectionError("gone")
        done.append(item)
        activity.heartbeat(item + 1)
    effect()
    return done


@workflow
async def imports() -> list[int]:
    return await import_items()


async def resumes(client: Client) -> Any:
    return await client.execute(imports, id="import")


MATRIX = Code([matrix], STEPS)
IMPORT = Code([imports], [import_items])
RESUMED = list(range(50, ITEMS))
