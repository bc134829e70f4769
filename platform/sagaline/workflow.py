"""Workflows: ordinary async functions whose progress survives crashes.

Inside one, plain asyncio works and is deterministic; ``workflow.now()``, ``workflow.random()`` and
``workflow.uuid4()`` take the place of the clock and of chance.
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import Callable, Coroutine, Generator, MutableMapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, TypeVar, TypeVarTuple, Unpack, overload

from sagaline._runtime import checks, side_effects
from sagaline._runtime.calls import Calls
from sagaline._runtime.classes import INIT_MARK
from sagaline._runtime.context import current_instance, require_instance
from sagaline._runtime.durations import Duration, seconds
from sagaline._runtime.flow.keys import Key, Rate
from sagaline._runtime.handlers import DYNAMIC
from sagaline.about_run import AboutRun
from sagaline.child_handle import ChildHandle
from sagaline.declaring import Decorator, Options, Outcomes, RunMethod, Workflow, define, definition_of_run
from sagaline.errors import ConfigurationError
from sagaline.external_handle import ExternalHandle
from sagaline.handlers import (
    QueryDecorator,
    QueryHandler,
    Signal,
    SignalDecorator,
    SignalHandler,
    Token,
    UpdateDecorator,
    UpdateHandler,
)
from sagaline.other_runs import OtherRuns
from sagaline.scheduled import Scheduled
from sagaline.workflow_info import WorkflowInfo

__all__ = ["ChildHandle", "ExternalHandle", "Workflow", "WorkflowInfo", "workflow"]

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")
C = TypeVar("C")
F = TypeVar("F", bound=Callable[..., Any])
Ts = TypeVarTuple("Ts")


class _ReplaySilentLogger(logging.LoggerAdapter[logging.Logger]):
    """Adds the run's ids, in the text and as fields of the record; says nothing while history is replayed."""

    def isEnabledFor(self, level: int) -> bool:
        instance = current_instance()
        return (instance is None or not instance.is_replaying) and super().isEnabledFor(level)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        instance = current_instance()
        if instance is None:
            return msg, kwargs
        run = instance.run
        ids = {"workflow_id": run.workflow_id, "run_id": run.run_id, "workflow": run.workflow.name}
        kwargs["extra"] = {**ids, **(kwargs.get("extra") or {})}
        return f"[{run.workflow_id}] {msg}", kwargs


class _WorkflowNamespace(OtherRuns, AboutRun, Scheduled):
    """``workflow``: the decorator, and what workflow code may ask."""

    logger: logging.LoggerAdapter[logging.Logger] = _ReplaySilentLogger(logging.getLogger("sagaline.workflow"), {})
    """Logs once, being silent in replay, with the fields ``workflow_id``, ``run_id`` and ``workflow``."""

    @overload
    def __call__(  # type: ignore[overload-overlap]  # of a class that is a coroutine: there is none
        self, subject: Callable[P, Coroutine[Any, Any, R]], /
    ) -> Workflow[P, R]: ...
    @overload
    def __call__(self, subject: type[C], /) -> type[C]: ...
    @overload
    def __call__(
        self,
        /,
        *,
        name: str | None = None,
        retention: Duration | None = None,
        signals: Sequence[Signal[Any]] = (),
        failure_exception_types: Sequence[type[Exception]] = (),
        concurrency: Key | Sequence[Key] | None = None,
        rate: Rate | Sequence[Rate] | None = None,
        outcomes: Outcomes | None = None,
    ) -> Decorator: ...
    def __call__(
        self,
        subject: Any = None,
        /,
        *,
        name: str | None = None,
        retention: Duration | None = None,
        signals: Sequence[Signal[Any]] = (),
        failure_exception_types: Sequence[type[Exception]] = (),
        concurrency: Key | Sequence[Key] | None = None,
        rate: Rate | Sequence[Rate] | None = None,
        outcomes: Outcomes | None = None,
    ) -> Any:
        """Makes an async function a workflow, or a class with a method that has ``@workflow.run``.

        ``retention``: how long its closed runs stay, else as the worker says. ``signals``: what it receives by
        ``Signal.receive``; a signal of another name is refused. ``failure_exception_types``: exceptions that fail the
        run, or the update, out of which they come, as an ApplicationError does; any other is a bug, and parks the run.
        ``concurrency`` and ``rate``: how many runs may be under way, and begin, in the whole namespace; the code of a
        run begins when its limits let it (docs/flow-control.md). ``outcomes``: what ``client.outcomes()`` tells of its
        runs, as for a saga; by default only of those with a part that is one. Raises ConfigurationError.
        """
        options = Options(name, retention, signals, failure_exception_types, None, concurrency, rate, outcomes)
        return Decorator(options) if subject is None else define(subject, options)

    def run(self, fn: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /) -> Workflow[P, R]:
        """Marks the method of a class that is the run: it is called with the run's arguments."""
        return RunMethod(definition_of_run(fn))

    def init(self, fn: F, /) -> F:
        """Marks a constructor that takes the run's arguments; one that has to be given something needs no mark."""
        if getattr(fn, "__name__", "") != "__init__":
            raise ConfigurationError(f"Expected @workflow.init on __init__ of a class but got {checks.shown(fn)}.")
        setattr(fn, INIT_MARK, True)
        return fn

    @overload
    def signal(self, fn: Callable[[Any, Unpack[Ts]], Coroutine[Any, Any, None] | None], /) -> SignalHandler[*Ts]: ...
    @overload
    def signal(self, /, *, name: str | None = None, dynamic: bool = False) -> SignalDecorator: ...
    def signal(self, fn: Any = None, /, *, name: str | None = None, dynamic: bool = False) -> Any:
        """Makes a method the handler of the signals of a name, by default its own.

        ``dynamic``: it handles every signal without a handler of its own, and takes the name and a list of the
        arguments. Handlers begin in the order of their signals, each in the activation in which its signal came.
        What one raises is a bug, for nobody is there to be told: the run parks.
        """
        decorator = SignalDecorator(DYNAMIC if dynamic else name)
        return decorator if fn is None else decorator(fn)

    @overload
    def query(self, fn: Callable[[Any, *Ts], A], /) -> QueryHandler[A, *Ts]: ...
    @overload
    def query(self, /, *, name: str | None = None, dynamic: bool = False) -> QueryDecorator: ...
    def query(self, fn: Any = None, /, *, name: str | None = None, dynamic: bool = False) -> Any:
        """Makes a method the answer to the queries of a name, by default its own.

        It is an ordinary function that answers from what the object knows and changes nothing: one that does is
        refused, and what it has done is undone. ``dynamic`` as for signals.
        """
        decorator = QueryDecorator(DYNAMIC if dynamic else name)
        return decorator if fn is None else decorator(fn)

    @overload
    def update(self, fn: Callable[[Any, *Ts], Coroutine[Any, Any, A]], /) -> UpdateHandler[A, *Ts]: ...
    @overload
    def update(self, fn: Callable[[Any, *Ts], A], /) -> UpdateHandler[A, *Ts]: ...
    @overload
    def update(self, /, *, name: str | None = None, dynamic: bool = False) -> UpdateDecorator: ...
    def update(self, fn: Any = None, /, *, name: str | None = None, dynamic: bool = False) -> Any:
        """Makes a method the handler of the updates of a name, by default its own: it may change the object and call
        activities, and its result is the caller's answer.

        A failure that it raises is the caller's (``UpdateError``), not the run's; any other exception is a bug and
        parks the run. ``@name_of_it.validator`` on another method refuses updates before they are accepted.
        """
        decorator = UpdateDecorator(DYNAMIC if dynamic else name)
        return decorator if fn is None else decorator(fn)

    def token(self, kind: type[A]) -> Token[A]:
        """A value of that type that somebody outside gives, by the id of the token."""
        return Token(kind)

    def side_effect(self, fn: Callable[[], R], /, *, name: str | None = None) -> R:
        """Calls a short, plain function that need not be deterministic, and records what it returns: replay gives that
        back and does not call it.

        ::

            key = workflow.side_effect(lambda: secrets.token_hex(16))

        For a value that the machine has at once: chance, a setting, a look into a local table. It holds up the worker
        while it runs, is not retried, and runs again when the worker dies before its result is on record: what waits,
        may fail, or must not happen twice is an activity. In it the clock, chance, files and sockets are allowed, the
        workflow is not: it returns a value, of the type that its annotation says, and changes nothing else.

        ``name``: under which it is in history, by default the function's; code that calls another one there does not
        fit the history of a run. Raises SideEffectError when the function raises or its result cannot be recorded,
        in replay again; ConfigurationError for what is no such function.
        """
        result: R = side_effects.run(_calls("side_effect"), fn, name)
        return result

    def all_handlers_finished(self) -> bool:
        """True when no handler is at work: ask before the run returns, for what is at work then is cut off."""
        return not _calls("all_handlers_finished").mailbox.running

    def now(self) -> datetime:
        """The activation's time, in UTC; the same in replay."""
        return datetime.fromtimestamp(_calls("now").now_ms / 1000, UTC)

    def random(self) -> random.Random:
        """A random generator seeded by the run; the same in replay."""
        return _calls("random").random

    def uuid4(self) -> uuid.UUID:
        """A random UUID; the same in replay."""
        return uuid.UUID(int=_calls("uuid4").random.getrandbits(128), version=4)

    def uuid7(self) -> uuid.UUID:
        """A UUID that begins with the activation's time, so that ids sort by age; the same in replay (RFC 9562)."""
        calls = _calls("uuid7")
        chance = calls.random.getrandbits(74)
        high = (calls.now_ms << 16) | (7 << 12) | (chance >> 62)
        return uuid.UUID(int=(high << 64) | (0b10 << 62) | (chance & ((1 << 62) - 1)))

    async def sleep(self, duration: Duration) -> None:
        """Waits for a durable timer, which never fires early: seconds, a timedelta, or text such as "10s" or "3d".

        Zero lets other tasks go on. Raises ConfigurationError when it is no duration, or above a hundred years. When
        it is cancelled the timer is too.
        """
        await asyncio.sleep(seconds(duration, least_ms=0))

    async def wait_condition(self, predicate: Callable[[], object], timeout: Duration | None = None) -> None:
        """Returns when the predicate is true.

        It is asked at once, and whenever the run's code is quiet; it has to be a plain function that changes nothing.
        What it raises is raised here. Raises TimeoutError when it is not true after ``timeout``.
        """
        calls = _calls("wait_condition")
        if timeout is None:
            await calls.wait_condition(predicate)
            return
        async with asyncio.timeout(seconds(timeout, "timeout", least_ms=0)):
            await calls.wait_condition(predicate)

    @contextmanager
    def unchecked(self) -> Generator[None, None, None]:
        """Within it calls of the clock, of chance and of I/O are not refused: for a measurement that is only logged.

        For plain code: nothing may be awaited in it. What such a call returns must not change what the run does.
        """
        calls = _calls("unchecked")
        before, calls.is_guarded = calls.is_guarded, False
        try:
            yield
        finally:
            calls.is_guarded = before

    def info(self) -> WorkflowInfo:
        """Ids and start of the run."""
        calls = _calls("info")
        run = calls.run
        started = datetime.fromtimestamp(run.started_ms / 1000, UTC)
        return WorkflowInfo(
            run.workflow_id,
            run.identity,
            run.workflow.name,
            started,
            calls.is_replaying,
            run.continued_from,
            run.is_long,
            run.parent_id,
        )

    def patched(self, id: str) -> bool:
        """Whether this run has a change of the code: True for runs that come here with the new code for the first time.

        ::

            if workflow.patched("fraud-check"):
                await check_fraud(order)

        The answer is in the run's history and stays the same for all of the run, also in replay: runs that have passed
        this place with the old code go on as they began. ``id`` is a name of 1 to 255 bytes, not used before in this
        workflow. docs/versioning.md says when the old branch may go. Raises ConfigurationError for more than 200
        patches.
        """
        return _calls("patched").commands.patched(checks.patch_id(id), deprecated=False)

    def deprecate_patch(self, id: str) -> None:
        """In place of ``patched(id)`` once no run without the patch is left: the old branch is gone, and code without
        this call can follow the runs that begin from now on. ``sagaline patches`` says when it may go too."""
        _calls("deprecate_patch").commands.patched(checks.patch_id(id), deprecated=True)


def _calls(what: str) -> Calls:
    return require_instance(f"workflow.{what}()")


workflow = _WorkflowNamespace()
