"""The workflows of the golden log (tests/golden/format-1): the code its runs were made with. It never changes."""

from __future__ import annotations

import asyncio
from typing import Any

from sagaline import Activity, ActivityError, Retry, Workflow, activity, saga, workflow

QUICK = Retry(attempts=2, first_interval=0.001, maximum_interval=0.002)
SLOW = Retry(attempts=5, first_interval="1d", maximum_interval="1d")


class Declined(Exception):
    """The step says no, with nothing done."""


@activity(retry=QUICK, refusals=(Declined,))
async def reserve(what: str) -> str:
    """``ok`` succeeds, ``flaky`` at the second attempt, ``no`` is a refusal, ``broken`` fails every attempt."""
    if what == "no":
        raise Declined(what)
    if what == "broken" or (what == "flaky" and activity.info().attempt == 1):
        try:
            raise OSError("the network is down ☂")
        except OSError as error:
            raise ConnectionError(what) from error
    return f"reserved {what}"


@reserve.compensation
async def release(what: str, done: str | None) -> None:
    """Undoes it."""


@activity(retry=SLOW)
async def tomorrow(what: str) -> str:
    """Fails, and waits a day for its next attempt."""
    raise ConnectionError(what)


@activity(timeout="1h")
async def hang(what: str) -> str:
    """Never ends."""
    await asyncio.sleep(3600)
    return what


@workflow
async def steps(plan: list[str]) -> list[str]:
    """One step after another; a step that fails is noted."""
    done: list[str] = []
    for what in plan:
        try:
            done.append(await reserve(what))
        except ActivityError as error:
            done.append(type(error).__name__)
    return done


@workflow
async def strict(plan: list[str]) -> int:
    """Fails with the first step that fails."""
    for what in plan:
        await reserve(what)
    return len(plan)


@saga
async def undoing(plan: list[str]) -> int:
    """Undone as a whole when a step fails."""
    for what in plan:
        await reserve(what)
    return len(plan)


@workflow
async def together(plan: list[str]) -> int:
    """Steps side by side, with a timer that one of them outruns."""
    async with asyncio.timeout(3600):
        return len(await asyncio.gather(*(reserve(what) for what in plan)))


@workflow
async def sleeper(days: int) -> str:
    """A step, a long sleep, a step."""
    await reserve("before")
    await asyncio.sleep(days * 86_400)
    return await reserve("after")


@saga
async def waiting(what: str) -> str:
    """A step that is done, and one whose outcome is never known; or one that waits for its next attempt."""
    await reserve("first")
    return await (hang(what) if what == "hang" else tomorrow(what))


@workflow
async def buggy(what: str) -> str:
    """A bug behind the first step: the run is parked."""
    await reserve(what)
    none: Any = None
    return str(none.attribute)


@workflow(retention="50ms")
async def brief(what: str) -> str:
    """Retired soon after its end."""
    return await reserve(what)


WORKFLOWS: list[Workflow[Any, Any]] = [steps, strict, undoing, together, sleeper, waiting, buggy, brief]
ACTIVITIES: list[Activity[Any, Any]] = [reserve, tomorrow, hang]
