"""Activities that never end, each in its own way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from pathlib import Path

from sagaline import activity, workflow


def begun(name: str) -> None:
    Path(os.environ["BEGUN"], name).touch()


@activity(timeout="1h")
def in_thread() -> None:
    begun("in_thread")
    threading.Event().wait()


@activity(timeout="100ms")
def late_in_thread() -> None:
    begun("late_in_thread")
    threading.Event().wait()


@activity(timeout="1h")
async def swallows() -> None:
    begun("swallows")
    while True:
        with contextlib.suppress(BaseException):
            await asyncio.sleep(3_600)


@activity(timeout="1h")
async def in_default_thread() -> None:
    begun("in_default_thread")
    await asyncio.to_thread(threading.Event().wait)


@activity(timeout="1h")
async def in_a_task_that_swallows() -> None:
    begun("in_a_task_that_swallows")
    await asyncio.create_task(swallows())


@workflow
async def hangs() -> None:
    await asyncio.gather(in_thread(), late_in_thread(), swallows(), in_default_thread(), in_a_task_that_swallows())
