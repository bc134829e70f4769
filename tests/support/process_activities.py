"""Activities that run in processes of their own."""

from __future__ import annotations

import os
import time

from sagaline import ApplicationError, activity


@activity(executor="process")
def squares(number: int) -> tuple[int, int]:
    activity.heartbeat(number)
    return number * number, os.getpid()


@activity(executor="process")
def spins() -> None:
    while True:
        time.sleep(0.01)


@activity(executor="process")
def dies() -> None:
    os._exit(7)


@activity(executor="process", retry_if=lambda error: False)
def fails(word: str) -> None:
    raise ApplicationError(word, next_delay="3s")


@activity(executor="process")
def later() -> int:
    activity.complete_later()
