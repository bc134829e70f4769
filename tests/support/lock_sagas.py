"""Sagas that hold locks, and what tests look at."""

from __future__ import annotations

from typing import Any

from sagaline import (
    ApplicationError,
    LockHeld,
    LockLost,
    LockTimeout,
    activity,
    saga,
    workflow,
)
from sagaline._model.locks import LockState
from sagaline._system.locks.lock import Lock
from sagaline.testing import Environment

NAME = "account-7"
tokens: list[tuple[str, int]] = []


@activity
async def use(who: str, fencing: int) -> None:
    """Stands for the participant: notes who came under which number."""
    tokens.append((who, fencing))


@use.compensation
async def undo(who: str, fencing: int) -> None:
    tokens.append((f"undo {who}", fencing))


@saga
async def transfer(who: str, how: str = "ok", seconds: float = 10.0, again: int = 0) -> int:
    async with workflow.lock(NAME) as lock:
        await use(who, lock.fencing_token)
        await workflow.sleep(seconds)
    if again:
        workflow.continue_as_new(who, how, seconds, again - 1)
    if how == "fail":
        raise ApplicationError("no")
    await workflow.sleep(seconds)
    return lock.fencing_token


@workflow
async def brief(seconds: float = 10.0, lease: str = "") -> list[str]:
    """Is no saga: the lock goes with the block."""
    said: list[str] = []
    async with workflow.lock(NAME, lease=lease or None) as lock:
        await workflow.sleep(seconds)
        said.append("lost" if lock.is_lost else "held")
        if lease:
            try:
                await lock.renew()
                said.append("renewed")
            except LockLost:
                said.append("told")
    await workflow.sleep(100)
    return said


@workflow
async def tries(wait: Any) -> str:
    try:
        async with workflow.lock(NAME, wait=wait) as lock:
            return str(lock.held_since is not None)
    except LockHeld as error:
        return f"{error.held_by} {error.since:%T}"
    except LockTimeout as error:
        return f"late {error.lock}"


WORKFLOWS = [transfer, brief, tries]


async def state(env: Environment) -> LockState:
    return await env.client.handle(f"sagaline.lock/{NAME}").query(Lock.state)


async def waits(env: Environment, count: int) -> None:
    await env.advance("1s")
    assert len((await state(env)).waiters) == count


def circle(*, count: int) -> Any:
    @saga
    async def one(place: int) -> str:
        async with workflow.lock(f"l{place}"):
            await use(f"s{place}", 0)
            await workflow.sleep(5)
            async with workflow.lock(f"l{(place + 1) % count}"):
                return "done"

    return one
