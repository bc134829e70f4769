"""A handle: one run, whoever started it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, TypeVarTuple, overload

from sagaline._model.records import CancelRun, PauseRun, ResetRun, RetryRun, TerminateRun, UnpauseRun
from sagaline._runtime.definitions import WorkflowDefinition
from sagaline._runtime.durations import Duration
from sagaline.client import checks
from sagaline.client.commands import Command, confirm
from sagaline.client.events import public_events
from sagaline.client.exported import export
from sagaline.client.link import Link
from sagaline.client.messages import ask_query, send_signal
from sagaline.client.requests import new_id
from sagaline.client.resets import ResetPreview, preview
from sagaline.client.run_saga import RunSaga
from sagaline.client.types import Description, HistoryEvent, OnParked
from sagaline.client.updates import UpdateHandle, accepted, completed, prepare
from sagaline.client.waiting import EndOfRun, Terms
from sagaline.handlers import QueryHandler, Signal, SignalHandler, UpdateHandler

A = TypeVar("A")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")
DEFAULT_TIMEOUT: Duration = "30s"


class RunHandle(Generic[R]):
    """A run that was started, or is looked up by its id.

    A handle from ``client.start`` means the run that it started, also when a later one has the same id;
    ``client.handle(id)`` means the newest of the id, ``client.handle(id, run_id)`` that one. Durations are seconds as
    a number, a timedelta, or text such as "10s"; a ``timeout`` of None waits as long as it takes.
    """

    def __init__(self, link: Link, workflow_id: str, run_id: str, definition: WorkflowDefinition | None) -> None:
        self._link, self._definition = link, definition
        self.workflow_id = workflow_id
        self.run_id = run_id
        """Id of the run; empty when the newest of the workflow id is meant."""

    def __repr__(self) -> str:
        return f"RunHandle({self.workflow_id!r}, {self.run_id!r})"

    async def result(self, timeout: Duration | None = None, *, on_parked: OnParked = "wait") -> R:
        """The run's result, when it has ended. Waiting changes nothing: a cancelled call may be made again.

        Arguments:
            timeout: how long to wait; by default as long as it takes.
            on_parked: ``"wait"`` until somebody takes a parked run up again, or ``"raise"`` RunParkedError.

        Raises:
            RunError: the run has ended without a result.
            RunParkedError: the run is parked, with ``on_parked="raise"``.
            RequestTimeout: it has not ended in time; the message says where it stands and since when.
            RequestRefused: there is no such run (``type`` is "WorkflowNotFound").
        """
        terms = Terms(checks.seconds(timeout), checks.word(on_parked, checks.ON_PARKED, "on_parked") == "raise")
        link = self._link
        request = link.reads.request(self.workflow_id, self.run_id, "result")
        reply = await EndOfRun(link.requests, link.reads, request, terms).reply()
        return await link.outcome(reply, self._definition)  # type: ignore[no-any-return]

    async def describe(self, timeout: Duration | None = DEFAULT_TIMEOUT) -> Description:
        """How the run stands: status, times, what it waits for, its result or failure.

        Works without a worker too: after two seconds without an answer the log itself is read, and
        ``unowned_since`` is set. Raises RequestRefused when there is no such run, RequestTimeout.
        """
        return await self._link.reads.describe(self.workflow_id, self.run_id, checks.seconds(timeout))

    async def history(self, timeout: Duration | None = DEFAULT_TIMEOUT) -> list[HistoryEvent]:
        """The run's events, in order. A payload that cannot be opened here is shown in words.

        Works without a worker too, as ``describe`` does. Raises RequestRefused when there is no such run,
        RequestTimeout.
        """
        request = self._link.reads.request(self.workflow_id, self.run_id, "history")
        found = await self._link.reads.read(request, checks.seconds(timeout))
        return await public_events(found.reply.records, self._link.payloads)

    @property
    def saga(self) -> RunSaga:
        """Its ledger, what a cancellation would undo, and what a person says of parked steps."""
        return RunSaga(self._link, self.workflow_id, self.run_id)

    async def export(self, timeout: Duration | None = DEFAULT_TIMEOUT) -> bytes:
        """The run's history as the content of a JSON file, for ``sagaline replay`` and ``sagaline.testing.replay``.

        Payloads that are sealed stay so. Works without a worker too. Raises RequestRefused when there is no such run,
        RequestTimeout.
        """
        link = self._link
        request = link.reads.request(self.workflow_id, self.run_id, "history")
        answer = await link.reads.read(request, checks.seconds(timeout))
        records = answer.reply.records
        return export(records, await public_events(records, link.payloads.without_codecs()))

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

    async def cancel(
        self, reason: str = "cancelled by a client", *, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> None:
        """Asks the run to stop; a saga rolls back. Returns when the request is on record, not when the run has ended:
        ``result`` waits for that.

        ``reason`` is in the run's history, 8,000 bytes at most. A call that is cancelled or times out may have been
        handled: make it again, a run is cancelled once. Raises RequestRefused when there is no such run
        ("WorkflowNotFound") or it has ended ("RunEnded"), RequestTimeout.
        """
        why, request_id, address = checks.reason(reason), new_id(), self._link.requests.address
        await self._confirm(lambda run_id: CancelRun(request_id, self.workflow_id, why, *address, run_id), timeout)

    async def terminate(
        self, reason: str = "terminated by a client", *, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> None:
        """Ends the run at once: no code of it runs, nothing is compensated. Returns when that is on record.

        ``reason`` and what a cancelled call leaves behind as for ``cancel``. Raises RequestRefused when there is no
        such run ("WorkflowNotFound") or it has ended ("RunEnded"), RequestTimeout.
        """
        why, request_id, address = checks.reason(reason), new_id(), self._link.requests.address
        await self._confirm(lambda run_id: TerminateRun(request_id, self.workflow_id, why, *address, run_id), timeout)

    async def pause(
        self, reason: str = "paused by a client", *, by: str | None = None, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> None:
        """Lets the run stand still until ``resume``: its code gets nothing and no attempt begins. What arrives is
        recorded and waits. Returns when that is on record; pausing a paused run changes nothing.

        ``reason`` and ``by`` (by default this user and host, 255 bytes at most) are in the run's history. What a
        cancelled call leaves behind and what is raised: as for ``terminate``.
        """
        who, request_id, address = checks.person(by), new_id(), self._link.requests.address
        why = checks.reason(reason)
        await self._confirm(lambda run_id: PauseRun(request_id, self.workflow_id, why, who, *address, run_id), timeout)

    async def resume(
        self, reason: str = "resumed by a client", *, by: str | None = None, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> None:
        """Lets a paused run go on with all that has arrived. Returns when that is on record; resuming a run that is not
        paused changes nothing. Arguments and errors are those of ``pause``."""
        who, request_id, address = checks.person(by), new_id(), self._link.requests.address
        why = checks.reason(reason)
        await self._confirm(
            lambda run_id: UnpauseRun(request_id, self.workflow_id, why, who, *address, run_id), timeout
        )

    async def reset(
        self,
        to_event: int,
        reason: str,
        *,
        by: str | None = None,
        drop_signals: bool = False,
        timeout: Duration | None = DEFAULT_TIMEOUT,
    ) -> RunHandle[R]:
        """Begins a new run of the workflow id whose history is that of this one up to an event, and which goes on from
        there with today's code. This run is terminated if it is open, and stays as it is if it has ended.

        Steps up to the event keep their results and idempotency keys, also those that were under way and are attempted
        again; what the code asks for from there on has keys of the new run. Signals that came later are received again,
        in order; updates are not. ``preview_reset`` says what has happened since and stays.

        Arguments:
            to_event: the last event that is kept: one with ``is_reset_point`` in ``history()``.
            reason: why, for the reader of both histories; 8,000 bytes at most.
            by: who asks for it, for the same reader; by default this user and host, 255 bytes at most.
            drop_signals: leaves the signals that came later.

        Returns a handle of the new run. A call that is cancelled or times out may have been handled: ``describe()``
        tells, in ``reset_to``. Raises RequestRefused ("NoSuchPoint" names the nearest events that will do;
        "StepsUndone" and "StepsLeft" say which earlier event does; "IdInUse", "WorkflowNotFound", "RunHeld", "TooLong",
        "TooManyLater", "TooManyResets"), RequestTimeout.
        """
        event_id, who = checks.event_id(to_event), checks.person(by)
        why, request_id, address = checks.reason(reason), new_id(), self._link.requests.address
        run_id = await self._confirm(
            lambda run_id: ResetRun(request_id, self.workflow_id, run_id, event_id, why, who, drop_signals, *address),
            timeout,
        )
        return RunHandle(self._link, self.workflow_id, run_id, self._definition)

    async def preview_reset(self, to_event: int, timeout: Duration | None = DEFAULT_TIMEOUT) -> ResetPreview:
        """What the run has done since an event: what a reset to it repeats, and what it leaves as it is. Nothing is
        changed. Works without a worker too. Raises RequestRefused when there is no such run, RequestTimeout."""
        return preview(await self.history(timeout), checks.event_id(to_event))

    async def retry(self, timeout: Duration | None = DEFAULT_TIMEOUT) -> None:
        """Takes a parked run up again, with the code that its worker has now.

        A call that is cancelled or times out may have been handled. Raises RequestRefused when the run is not parked
        ("NotParked") or parks again at once ("StillParked"), RequestTimeout.
        """
        request_id, address = new_id(), self._link.requests.address
        await self._confirm(lambda run_id: RetryRun(request_id, self.workflow_id, *address, run_id), timeout)

    async def _confirm(self, make: Callable[[str], Command], timeout: Duration | None) -> str:
        link, ids = self._link, (self.workflow_id, self.run_id)
        return await confirm(link.requests, link.reads, ids, make, checks.seconds(timeout))
