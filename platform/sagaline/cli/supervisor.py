"""``sagaline worker --processes N``: one worker a process, started again when it ends, with growing pauses."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence

from sagaline.cli.output import USAGE

_log = logging.getLogger("sagaline.supervisor")
PARENT = "SAGALINE_PARENT"
"""Process id of the supervisor, for its workers: they stop when it is gone."""
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_STEADY_S = 60.0
_LATE_S = 5.0


class Supervisor:
    """``commands`` are the arguments of one ``sagaline`` process each. ``run`` returns the exit code."""

    def __init__(self, commands: Sequence[Sequence[str]], grace_s: float) -> None:
        self._commands, self._grace_s = commands, grace_s
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._code = 0

    async def run(self) -> int:
        """Until SIGTERM or Ctrl-C, or until a worker says that it is set up wrongly."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        await asyncio.gather(*(self._keep(number) for number in range(len(self._commands))))
        return self._code

    def _on_signal(self) -> None:
        """The first one stops the workers in order, a second one at once."""
        number = signal.SIGKILL if self._stopping.is_set() else signal.SIGTERM
        self._stopping.set()
        for process in self._running.values():
            process.send_signal(number)

    async def _keep(self, number: int) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._run_one(number)
            if self._stopping.is_set():
                return
            if code == USAGE:  # another try would end in the same way
                self._code = code
                self._on_signal()
                return
            if time.monotonic() - began > _STEADY_S:
                pause_s = _FIRST_PAUSE_S
            ended = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
            _log.warning("Worker process %d %s; it is started again in %g s", number, ended, pause_s)
            try:
                await asyncio.wait_for(self._stopping.wait(), pause_s)
            except TimeoutError:
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _run_one(self, number: int) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sagaline.cli",
            *self._commands[number],
            env=os.environ | {PARENT: str(os.getpid())},
            start_new_session=True,  # Ctrl-C in a terminal reaches the supervisor alone, which passes it on
        )
        self._running[number] = process
        _log.info("Worker process %d is process %d", number, process.pid)
        try:
            ended = asyncio.ensure_future(process.wait())
            stopping = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait([ended, stopping], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not ended.done():
                await asyncio.wait([ended], timeout=self._grace_s + _LATE_S)
            if not ended.done():
                process.kill()
            return await ended
        finally:
            del self._running[number]
