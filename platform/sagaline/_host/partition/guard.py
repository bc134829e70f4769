"""The one guard around every callback of the log, of timers and readers, and around every task of a partition.

Contract: an exception that nobody expected is neither swallowed nor does it leave a dead loop. It sets aside the
input or the run that is to blame, if one is; in any case the partition is given up and claimed anew (with backoff,
by whoever owns it), which begins from what is in the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from sagaline._host.crash_points import Died
from sagaline._host.partition.lost import Kind, Lost
from sagaline._model.limits import cut
from sagaline._payloads import BlobsUnavailable, NotResident
from sagaline._store import StoreUnavailable
from sagaline.errors import LogUnavailable

_log = logging.getLogger("sagaline.partition")
P = ParamSpec("P")
T = TypeVar("T")
Isolate = Callable[[str], Lost]
"""Notes the input or run that is to blame, with the cause, and says how the partition is lost."""

ENDS_OF_TASKS = (asyncio.CancelledError, GeneratorExit)
"""What ends a task from outside; anything else that comes out of a port was raised by it."""
_EXPECTED: tuple[tuple[type[BaseException], Kind], ...] = (
    (StoreUnavailable, Kind.STORE),
    (BlobsUnavailable, Kind.PAYLOADS),
    (LogUnavailable, Kind.LOG),
)


class ProtocolError(Exception):
    """A bug of the engine's: two of its parts do not agree. It costs the input or the run, not the partition."""


def too_late(run_id: str, missing: NotResident) -> ProtocolError:
    """Events are emitted, and the same cannot be done again."""
    return ProtocolError(f"the code of run {run_id} is to run, and {missing}")


class GivenUp(Exception):
    """The partition was given up while an input was handled: the rest of that is for whoever claims it next."""


class Guard:
    """``lose`` gives the partition up. It is called once, in the turn of the loop in which something was raised."""

    def __init__(self, lose: Callable[[Lost], None]) -> None:
        self._give_up = lose
        self.given_up = False
        self._tasks: dict[asyncio.Task[Any], Coroutine[Any, Any, Any]] = {}

    def lose(self, lost: Lost) -> None:
        """Gives the partition up, with the first reason that comes."""
        if not self.given_up:
            self.given_up = True
            self._give_up(lost)

    def run(self, callback: Callable[P, Any], *args: P.args, **options: P.kwargs) -> None:
        """Calls ``callback``; whatever it raises gives the partition up."""
        try:
            callback(*args, **options)
        except BaseException as error:
            self.caught(error)

    def wrap(self, callback: Callable[P, Any]) -> Callable[P, None]:
        """``callback`` as it is handed to a log, a timer or a reader."""

        def guarded(*args: P.args, **options: P.kwargs) -> None:
            self.run(callback, *args, **options)

        return guarded

    def task(self, coro: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T | None]:
        """Runs ``coro`` as a task that lives as long as the guard at most; None is its result when it raised."""
        task = asyncio.get_running_loop().create_task(self._watch(coro), name=name)
        self._tasks[task] = coro
        task.add_done_callback(self._end)
        return task

    async def _watch(self, coro: Coroutine[Any, Any, T]) -> T | None:
        try:
            return await coro
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self.caught(error)  # nobody has asked for it: something inside was cancelled
        except BaseException as error:
            if isinstance(error, GeneratorExit) and not _loop_runs():
                raise  # it is put away with its loop
            self.caught(error)
        return None

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task).close()  # of a task that was cancelled before it began

    def caught(self, error: BaseException, isolate: Isolate | None = None) -> None:
        """Gives the partition up for ``error``; ``isolate`` names who is to blame if nothing outside is.

        A store, a log or blobs that do not answer are nobody's fault, and what is raised once the partition is given
        up follows from that. An interrupt from the terminal goes on.
        """
        if isinstance(error, GivenUp):
            return
        interrupt = isinstance(error, KeyboardInterrupt)
        blamed = None if self.given_up else isolate
        self.lose(Lost(Kind.ENGINE, "interrupted") if interrupt else loss_of(error, blamed))
        if interrupt:
            raise error

    def close(self) -> None:
        """Cancels the tasks."""
        for task in list(self._tasks):
            task.cancel()


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def loss_of(error: BaseException, isolate: Isolate | None = None) -> Lost:
    """What was raised, as a loss; an unexpected error is logged. Raises what is no error of this process: an
    interrupt, a test's end of it."""
    if isinstance(error, Died | KeyboardInterrupt):
        raise error
    text = cut(f"{type(error).__name__}: {describe(error)}")
    for expected, kind in _EXPECTED:
        if isinstance(error, expected):
            return Lost(kind, text)
    _log.error("Unexpected: %s", text, exc_info=error)
    return isolate(text) if isolate is not None else Lost(Kind.ENGINE, f"the engine failed: {text}")


def call_logged(what: str, callback: Callable[P, Any], *args: P.args, **options: P.kwargs) -> bool:
    """Calls what may fail without harm; what it raises is logged. Returns whether it succeeded."""
    try:
        callback(*args, **options)
    except BaseException as error:
        _log.warning("%s: %s", what, loss_of(error))
        return False
    return True


async def await_logged(what: str, coro: Awaitable[Any]) -> None:
    """Awaits what may fail without harm; what it raises is logged, unless whoever waits is cancelled."""
    try:
        await coro
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        _log.warning("%s: %s", what, loss_of(error))
    except BaseException as error:
        _log.warning("%s: %s", what, loss_of(error))


def describe(error: BaseException) -> str:
    """The error's own words, whatever its ``__str__`` does."""
    try:
        return str(error)
    except Exception as failed:
        return f"(its text cannot be shown: {type(failed).__name__})"
