"""What a handle says to a run: signals, queries, updates."""

from __future__ import annotations

from typing import Any, TypeVar, TypeVarTuple, overload

from sagaline._runtime.durations import Duration
from sagaline.client import checks
from sagaline.client.link import Link
from sagaline.client.messages import ask_query, send_signal
from sagaline.client.updates import UpdateHandle, accepted, completed, prepare
from sagaline.handlers import QueryHandler, Signal, SignalHandler, UpdateHandler

A = TypeVar("A")
Ts = TypeVarTuple("Ts")
DEFAULT_TIMEOUT: Duration = "30s"


class Messaging:
    """Messages to the code of a run."""

    def __init__(self, link: Link, workflow_id: str, run_id: str) -> None:
        self._link = link
        self.workflow_id = workflow_id
        self.run_id = run_id
        """Id of the run; empty when the newest of the workflow id is meant."""

    @overload
    async def signal(
        self, signal: SignalHandler[*Ts], /, *args: *Ts, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> None: ...
    @overload
    async def signal(self, signal: Signal[A], arg: A, /, *, timeout: Duration | None = DEFAULT_TIMEOUT) -> None: ...
    @overload
    async def signal(self, signal: str, /, *args: Any, timeout: Duration | None = DEFAULT_TIMEOUT) -> None: ...
    async def signal(  # type: ignore[misc]  # mypy does not see that *args takes any *Ts
        self, signal: Any, /, *args: Any, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> None:
        """Sends a signal: ``await handle.signal(Order.approve, approval)``. Returns when it is on record: from then on
        it is handled once, in the order in which signals came, unless the run ends before its code asks for it.

        ``signal`` is a method with ``@workflow.signal``, a Signal, or a name with arguments that are values of JSON. A
        call that is cancelled or times out may have been handled.

        Raises:
            InvalidInput: the arguments do not fit; the message names the field. Nothing was sent.
            RequestRefused: ``type`` says why: "WorkflowNotFound", "RunEnded", "UnknownSignal", "InvalidInput",
                "TooManySignals".
            RequestTimeout: no worker answered in time.
        """
        ids = (self.workflow_id, self.run_id)
        await send_signal(self._link, ids, signal, args, checks.seconds(timeout))

    @overload
    async def query(
        self, query: QueryHandler[A, *Ts], /, *args: *Ts, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> A: ...
    @overload
    async def query(self, query: str, /, *args: Any, timeout: Duration | None = DEFAULT_TIMEOUT) -> Any: ...
    async def query(  # type: ignore[misc]  # mypy does not see that *args takes any *Ts
        self, query: Any, /, *args: Any, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> Any:
        """Asks the run's code: ``status = await handle.query(Order.status)``. The answer is never older than what was
        acknowledged before; a run that has ended answers as it stood at its end.

        ``query`` is a method with ``@workflow.query``, or a name with arguments that are values of JSON.

        Raises:
            InvalidInput: the arguments, or the answer, do not fit; the message names the field.
            RequestRefused: ``type`` says why: "WorkflowNotFound", "UnknownQuery", "InvalidInput", "QueryFailed",
                "QueryChangesRun", "RunParked" when its code cannot be run here.
            RequestTimeout: no worker answered in time.
        """
        ids = (self.workflow_id, self.run_id)
        return await ask_query(self._link, ids, query, args, checks.seconds(timeout))

    @overload
    async def start_update(
        self,
        update: UpdateHandler[A, *Ts],
        /,
        *args: *Ts,
        id: str | None = None,
        timeout: Duration | None = DEFAULT_TIMEOUT,
    ) -> UpdateHandle[A]: ...
    @overload
    async def start_update(
        self, update: str, /, *args: Any, id: str | None = None, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> UpdateHandle[Any]: ...
    async def start_update(  # type: ignore[misc]  # mypy does not see that *args takes any *Ts
        self, update: Any, /, *args: Any, id: str | None = None, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> UpdateHandle[Any]:
        """As ``execute_update``, but returns when the update is accepted: on record, with its handler at work."""
        sent = await prepare(self._link, (self.workflow_id, self.run_id), update, args, id)
        return await accepted(sent, checks.seconds(timeout))

    @overload
    async def execute_update(
        self, update: UpdateHandler[A, *Ts], /, *args: *Ts, id: str | None = None, timeout: Duration | None = None
    ) -> A: ...
    @overload
    async def execute_update(
        self, update: str, /, *args: Any, id: str | None = None, timeout: Duration | None = None
    ) -> Any: ...
    async def execute_update(  # type: ignore[misc]  # mypy does not see that *args takes any *Ts
        self, update: Any, /, *args: Any, id: str | None = None, timeout: Duration | None = None
    ) -> Any:
        """Calls a handler of the run and returns its answer: ``total = await handle.execute_update(Order.add, item)``.

        Arguments:
            update: a method with ``@workflow.update``, or a name with arguments that are values of JSON.
            id: under it the update counts once, however often it is asked for; by default each call is an update.
            timeout: how long to wait; by default as long as it takes.

        A call that is cancelled or times out may have been accepted: make it again with the same ``id``.

        Raises:
            UpdateError: the handler has failed, or the run has ended before it answered ("RunEnded").
            InvalidInput: the arguments do not fit; the message names the field. Nothing was sent.
            RequestRefused: ``type`` says why: that of the validator's error, "WorkflowNotFound", "RunEnded",
                "RunParked", "UnknownUpdate", "InvalidInput", "TooManyUpdates".
            RequestTimeout: it was not answered in time.
        """
        sent = await prepare(self._link, (self.workflow_id, self.run_id), update, args, id)
        return await completed(sent, checks.seconds(timeout))
