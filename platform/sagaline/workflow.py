"""Workflows: ordinary async functions whose progress survives crashes.

Inside one, plain asyncio works and is deterministic; ``workflow.now()``, ``workflow.random()`` and
``workflow.uuid4()`` take the place of the clock and of chance.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import uuid
from collections.abc import Callable, Coroutine, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, ParamSpec, TypeVar, overload

from sagaline._runtime import checks
from sagaline._runtime.calls import Calls
from sagaline._runtime.context import current_instance
from sagaline._runtime.definitions import Declaration, WorkflowDefinition
from sagaline._runtime.durations import Duration, milliseconds, seconds
from sagaline._runtime.flags import WORKFLOWS_RUN_INLINE_ON_REQUEST
from sagaline._runtime.frames import caller
from sagaline._runtime.signatures import Signature
from sagaline.errors import ConfigurationError, SagalineError

__all__ = ["Workflow", "WorkflowInfo", "workflow"]

P = ParamSpec("P")
R = TypeVar("R")


class Workflow(Declaration[WorkflowDefinition], Generic[P, R]):
    """A decorated function. ``client.start`` runs it durably; a plain call runs it here and now, for unit tests."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Runs the function in this process, without durability.

        Raises SagalineError inside a workflow that a worker runs: there it could mean a run of its own, or a part of
        the caller. The second is ``inline``.
        """
        calls = current_instance()
        if calls is not None and WORKFLOWS_RUN_INLINE_ON_REQUEST in calls.run.flags:
            raise SagalineError(
                f"Expected {self.name} to be started by a client but workflow {calls.run.workflow.name} calls it "
                f"({caller()}). To run it as a part of the caller, with its steps among the caller's: "
                f"await {self.name}.inline(...)."
            )
        return self.inline(*args, **kwargs)

    def inline(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Runs the function as a part of the workflow that calls it, as any function: ``await pay.inline(order)``.

        Its steps are the caller's. So whether they are undone is the caller's matter too: a ``@saga`` undoes all of
        its own steps when it fails, a ``@workflow`` undoes none, also those of a saga that it runs inline.
        Arguments are passed as they are, and defaults and types are not checked.
        """
        body: Coroutine[Any, Any, R] = self._definition.fn(*args, **kwargs)
        return body


def define(
    fn: Callable[..., Any], name: str | None, is_saga: bool, retention: Duration | None = None
) -> Workflow[Any, Any]:
    """Makes a workflow of an async function; raises ConfigurationError when it is not one."""
    checks.require_function(fn, "@saga" if is_saga else "@workflow")
    place = checks.place_of(fn)
    if checks.is_method(fn):
        raise ConfigurationError(
            f"Expected a workflow to be a function but {fn.__qualname__} ({place}) is a method: nothing keeps its "
            f"object while the run sleeps. Take what it needs as arguments, or put @staticmethod above."
        )
    shown = checks.name_for(fn, name, place)
    if not inspect.iscoroutinefunction(fn):
        raise ConfigurationError(f"Expected {shown} to be an async function (async def) but it is not ({place}).")
    retention_ms = None if retention is None else milliseconds(retention, f"retention of {shown} ({place})")
    return Workflow(WorkflowDefinition(shown, fn, Signature(fn, shown), is_saga, retention_ms))


@dataclass(frozen=True)
class WorkflowInfo:
    """The run that is running."""

    workflow_id: str
    run_id: str
    workflow: str
    started_at: datetime
    is_replaying: bool


class Decorator:
    """``@workflow(...)`` or ``@saga(...)`` with its options, waiting for the function."""

    def __init__(self, name: str | None, is_saga: bool, retention: Duration | None) -> None:
        self._name, self._is_saga, self._retention = name, is_saga, retention

    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> Workflow[P, R]:
        return define(fn, self._name, self._is_saga, self._retention)


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


class _WorkflowNamespace:
    """``workflow``: the decorator, and what workflow code may ask."""

    logger: logging.LoggerAdapter[logging.Logger] = _ReplaySilentLogger(logging.getLogger("sagaline.workflow"), {})
    """Logs once, being silent in replay, with the fields ``workflow_id``, ``run_id`` and ``workflow``."""

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> Workflow[P, R]: ...
    @overload
    def __call__(self, /, *, name: str | None = None, retention: Duration | None = None) -> Decorator: ...
    def __call__(
        self,
        fn: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        retention: Duration | None = None,
    ) -> Any:
        """Makes an async function a workflow. ``retention``: how long its closed runs stay, else as the worker says."""
        return Decorator(name, False, retention) if fn is None else define(fn, name, False, retention)

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

    def info(self) -> WorkflowInfo:
        """Ids and start of the run."""
        calls = _calls("info")
        run = calls.run
        started = datetime.fromtimestamp(run.started_ms / 1000, UTC)
        return WorkflowInfo(run.workflow_id, run.run_id, run.workflow.name, started, calls.is_replaying)

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
        return _calls("patched").patched(checks.patch_id(id))

    def deprecate_patch(self, id: str) -> None:
        """In place of ``patched(id)`` once no run without the patch is left: the old branch is gone, and code without
        this call can follow the runs that begin from now on. ``sagaline patches`` says when it may go too."""
        _calls("deprecate_patch").patched(checks.patch_id(id), deprecated=True)


def _calls(what: str) -> Calls:
    found = current_instance()
    if found is None:
        raise SagalineError(
            f"Expected workflow.{what}() inside a workflow that a worker runs but it was called outside."
        )
    return found


workflow = _WorkflowNamespace()
