"""The processes in which activities compute: one attempt each at a time, begun when they are needed.

No data of users is pickled: a process is told the name of the function, and its arguments as they stand on the log. A
process that dies fails its attempt, and another takes its place; one that is to stop is killed, and only that one.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading

import msgspec

from sagaline._host.activities.attempts import Attempt
from sagaline._host.activities.frames import Broken, Call, Said, receive, send
from sagaline._host.activities.outcomes import LATER, Outcome, cancelled
from sagaline._log.pool import DaemonPool
from sagaline._model.failure import Failure
from sagaline._runtime.definitions import ActivityDefinition

_decode = msgspec.msgpack.Decoder(Said).decode


class Child:
    """One process, and the socket to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-m", "sagaline._host.activities.child", str(theirs.fileno())]
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, env=environment, pass_fds=[theirs.fileno()], start_new_session=True
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.socket = ours

    def end(self) -> int | None:
        """Kills it; returns its exit code."""
        self.process.kill()
        self.socket.close()
        return self.process.wait()


class Processes:
    """At most ``limit`` of them. ``call`` is only used while one is free."""

    def __init__(self, limit: int) -> None:
        self._pool = DaemonPool(limit, "sagaline-process")  # threads that wait for the processes
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        self._busy: dict[Attempt, Child] = {}
        self._is_closed = False

    async def call(self, attempt: Attempt, payload: bytes) -> Outcome:
        """Calls the function in a process. A caller that is cancelled leaves at once; kill the process too."""
        attempt.kill = lambda: self._kill(attempt)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._run, attempt, payload)
        finally:
            attempt.kill = None

    def _run(self, attempt: Attempt, payload: bytes) -> Outcome:
        """In a thread."""
        try:
            child = self._take(attempt)
        except OSError as error:
            return Failure("ExecutorUnavailable", f"no process could be begun for it: {error}")
        if child is None:
            return cancelled("it was cancelled before it began")
        try:
            outcome = self._talk(child, attempt, payload)
        except (OSError, Broken, msgspec.MsgspecError):
            return self._broken(child, attempt)
        with self._lock:
            del self._busy[attempt]
            if not attempt.is_cancelled and not self._is_closed:
                self._idle.append(child)
                return outcome
        child.end()
        return outcome

    def _take(self, attempt: Attempt) -> Child | None:
        with self._lock:
            child = self._idle.pop() if self._idle else None
        child = child or Child()
        with self._lock:
            if not attempt.is_cancelled and not self._is_closed:
                self._busy[attempt] = child
                return child
        child.end()
        return None

    def _talk(self, child: Child, attempt: Attempt, payload: bytes) -> Outcome:
        scheduled = attempt.row.scheduled
        call = Call(
            *_place_of(attempt.definition), payload, attempt.info(), attempt.details, scheduled.retry.non_retryable
        )
        send(child.socket, msgspec.msgpack.encode(call))
        while True:
            said = _decode(receive(child.socket))
            if said.kind == "beat":
                attempt.heartbeat(said.data)
            elif said.kind == "result":
                return said.data or b"null"
            elif said.kind == "later":
                return LATER
            else:
                attempt.next_delay_ms = said.next_delay_ms
                return said.failure or Failure("UnknownError", "its process has not said why it failed")

    def _broken(self, child: Child, attempt: Attempt) -> Outcome:
        with self._lock:
            self._busy.pop(attempt, None)
        code = child.end()
        if attempt.is_cancelled:
            return cancelled("it was cancelled, and its process killed")
        how = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        message = f"Expected the process of {attempt.definition.name} to say what came of it but it ended {how}."
        return Failure("ProcessDied", message)

    def _kill(self, attempt: Attempt) -> None:
        with self._lock:
            child = self._busy.get(attempt)
            if child is not None:
                child.process.kill()

    def close(self) -> None:
        """Ends all of them."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            for child in self._busy.values():
                child.process.kill()
        for child in idle:
            child.end()
        self._pool.shutdown(wait=False)


def _place_of(definition: ActivityDefinition) -> tuple[str, str, str]:
    """Module, file and name, by which a process finds the function."""
    fn = definition.fn
    return fn.__module__, fn.__code__.co_filename, fn.__qualname__
