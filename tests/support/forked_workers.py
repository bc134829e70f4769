"""``python -m forked_workers`` forks a worker for each job that it reads, in milliseconds, for all is loaded before.

A worker is a process of its own, over a real log. It may be told to die when so many of its records have landed: by
SIGKILL, before it hears that they have, with nothing behind them sent. It dies too when whoever has forked it is gone.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import scenario_book

import sagaline.worker
import scenarios
from sagaline import Worker, WorkerOptions
from sagaline._log import Ack, Appender, Log, open_log
from sagaline._model.codec import decode
from sagaline._model.records import History
from sagaline._runtime import watching

DIED = "died"
"""A line of this file in the job's folder is one worker that died as it was told."""
OUTPUT = "workers.log"


class Job(msgspec.Struct):
    """What a worker is for. ``kills``: so many before it have died. ``dies_after`` records of runs, 0 for never."""

    scenario: str
    url: str
    folder: str
    state_dir: str
    kills: int = 0
    dies_after: int = 0
    replay_always: bool = False


class Death:
    """Counts the records of a process up to its last one. What is handed over behind that never leaves."""

    def __init__(self, dies_after: int, die: Callable[[], None]) -> None:
        self._left_to_send = self._left_to_land = dies_after
        self._die, self._doomed = die, dies_after > 0
        self._watched: dict[int, Any] = {}

    def lets_leave(self, value: bytes | None, token: Any) -> bool:
        """Whether a record leaves; asked once for each."""
        if not self._doomed:
            return True
        if self._left_to_send == 0:
            return False
        if value is not None and isinstance(decode(value), History):
            self._left_to_send -= 1
            self._watched[id(token)] = token
        return True

    def landed(self, ack: Ack) -> None:
        """A record has landed: if it is the last one, this does not return."""
        if self._watched.pop(id(ack.token), None) is not None:
            self._left_to_land -= 1
            if self._left_to_land == 0:
                self._die()


class DoomedLog:
    """A log whose process dies by what it appends."""

    def __init__(self, below: Log, death: Death) -> None:
        self._below, self._death = below, death

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)

    def appender(self, on_acks: Callable[[list[Ack]], None]) -> DoomedAppender:
        return DoomedAppender(self._below, self._death, on_acks)


class DoomedAppender:
    """An appender of it."""

    def __init__(self, below: Log, death: Death, on_acks: Callable[[list[Ack]], None]) -> None:
        self._death, self._on_acks = death, on_acks
        self._appender: Appender = below.appender(self._heard)
        self.close = self._appender.close

    def append(self, partition: int, key: bytes, value: bytes | None, token: Any) -> None:
        if self._death.lets_leave(value, token):
            self._appender.append(partition, key, value, token)

    def _heard(self, acks: list[Ack]) -> None:
        for ack in acks:
            if ack.error is None:
                self._death.landed(ack)
        self._on_acks(acks)


def _serve(job: Job, parent: int) -> None:
    """The life of a worker."""
    place = Path(job.folder)
    output = os.open(place / OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, number in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, number)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    scenario_book.live_in(place)
    watching.count_anew()

    def die() -> None:
        with (place / DIED).open("ab", buffering=0) as file:
            file.write(b"%d\n" % os.getpid())
        os.kill(os.getpid(), signal.SIGKILL)

    death = Death(job.dies_after, die)
    vars(sagaline.worker)["open_log"] = lambda url: DoomedLog(open_log(url), death)
    asyncio.run(_work(job, parent))


async def _work(job: Job, parent: int) -> None:
    code = scenarios.ALL[job.scenario].code
    worker = Worker(
        job.url,
        workflows=code.known_after(job.kills),
        activities=code.activities,
        state_dir=job.state_dir,
        id="worker",
        options=WorkerOptions(replay_always=job.replay_always, check_code=False),
    )
    await worker.start()
    failed = asyncio.ensure_future(worker.wait())
    while os.getppid() == parent and not failed.done():
        await asyncio.wait([failed], timeout=1)
    if failed.done():
        await failed


def main() -> None:
    """A job a line in, a process id a line out."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever ends is gone
    gc.freeze()
    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=Job)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                _serve(job, parent)
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(1)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
