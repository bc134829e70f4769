"""Code that is no workflow code, by what it does."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from typing import Any

from sagaline import ApplicationError, activity


@activity(timeout="2s")
async def take_anything(value: Any) -> str:
    return "taken"


async def _spin() -> None:
    while True:
        await asyncio.sleep(0)


async def _spawn_for_ever() -> None:
    async def again() -> None:
        asyncio.create_task(again())  # noqa: RUF006

    await again()
    await asyncio.sleep(1)


async def _recurse() -> None:
    async def deeper() -> None:
        await deeper()

    await deeper()


async def _fan_out() -> None:
    await asyncio.gather(*(take_anything(number) for number in range(200_000)))


async def _many_timers() -> None:
    await asyncio.gather(*(asyncio.sleep(1_000 + number) for number in range(200_000)))


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def _exit_in_finally() -> None:
    try:
        await asyncio.sleep(0.01)
    finally:
        sys.exit(5)


async def _raise_in_callback() -> None:
    def call_back() -> None:
        raise SystemExit(4)

    asyncio.get_running_loop().call_soon(call_back)
    await asyncio.sleep(0.01)


async def _swallow() -> None:
    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                continue

    branch = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    branch.cancel()
    raise ApplicationError("and a branch that does not stop")


async def _open_a_socket() -> None:
    await asyncio.open_connection("127.0.0.1", 9)


async def _start_a_thread() -> None:
    await asyncio.to_thread(gc.collect)


async def _await_nothing() -> None:
    await asyncio.get_running_loop().create_future()


async def _cancel_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(1)


MISBEHAVIOUR: dict[str, Callable[[], Any]] = {
    "spins": _spin,
    "spawns for ever": _spawn_for_ever,
    "recurses": _recurse,
    "fans out": _fan_out,
    "many timers": _many_timers,
    "sleeps nan": lambda: _sleep(float("nan")),
    "sleeps infinity": lambda: _sleep(float("inf")),
    "sleeps long": lambda: _sleep(1_000_000.0),
    "sleeps 1e300": lambda: _sleep(1e300),
    "sleeps -1e300": lambda: _sleep(-1e300),
    "exits in finally": _exit_in_finally,
    "raises in a callback": _raise_in_callback,
    "has a stubborn branch": _swallow,
    "opens a socket": _open_a_socket,
    "starts a thread": _start_a_thread,
    "cancels itself": _cancel_itself,
}
