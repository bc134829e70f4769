"""A handle: one run, whoever started it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from sagaline._model.records import CancelRun, PauseRun, ResetRun, RetryRun, TerminateRun, UndoRun, UnpauseRun
from sagaline._runtime.definitions import WorkflowDefinition
from sagaline._runtime.durations import Duration
from sagaline.client import checks
from sagaline.client.commands import Command, confirm
from sagaline.client.events import public_events
from sagaline.client.exported import export
from sagaline.client.link import Link
from sagaline.client.messaging import DEFAULT_TIMEOUT, Messaging
from sagaline.client.requests import new_id
from sagaline.client.resets import ResetPreview, preview
from sagaline.client.run_saga import RunSaga
from sagaline.client.types import Description, HistoryEvent, OnParked
from sagaline.client.waiting import EndOfRun, Terms

R = TypeVar("R")


class RunHandle(Messaging, Generic[R]):
    """A run that was started, or is looked up by its id.

    A handle from ``client.start`` means the run that it started, also when a later one has the same id;
    ``client.handle(id)`` means the newest of the id, ``client.handle(id, run_id)`` that one. Durations are seconds as
    a number, a timedelta, or text such as "10s"; a ``timeout`` of None waits as long as it takes.
    """

    def __init__(self, link: Link, workflow_id: str, run_id: str, definition: WorkflowDefinition | None) -> None:
        super().__init__(link, workflow_id, run_id)
        self._definition = definition

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
    def saga(self) -> RunSaga[RunHandle[R]]:
        """Its ledger, what a rollback would undo, undoing it, and what a person says of parked steps."""
        return RunSaga(self._link, self.workflow_id, self.run_id, self._of_run)

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
        self,
        reason: str = "terminated by a client",
        *,
        undo: bool = False,
        by: str | None = None,
        timeout: Duration | None = DEFAULT_TIMEOUT,
    ) -> None:
        """Ends the run: no code of it runs any more. Returns when that is on record.

        Arguments:
            undo: False: it ends at once, and nothing is compensated. True: what its steps have done is undone first,
                by the platform, also of a run whose code is broken, or paused, or waits for a person. Steps that are
                under way are asked to stop, and waited for, as are its children. It ends ``compensated``: ``result``
                waits for that.
            by: with ``undo``, who asks for it; by default this user and host, 255 bytes at most.

        ``reason`` and what a cancelled call leaves behind as for ``cancel``. Raises RequestRefused when there is no
        such run ("WorkflowNotFound") or it has ended ("RunEnded"), with ``undo`` when its pivot is done, or may be
        ("PivotCrossed"), or it is held ("RunHeld"); RequestTimeout.
        """
        why, request_id, address = checks.reason(reason), new_id(), self._link.requests.address
        if undo:
            who, ids = checks.person(by), (request_id, self.workflow_id)
            await self._confirm(lambda run_id: UndoRun(*ids, run_id, why, who, True, *address), timeout)
            return
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
        return self._of_run(run_id)

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

    def _of_run(self, run_id: str) -> RunHandle[R]:
        return RunHandle(self._link, self.workflow_id, run_id, self._definition)

    async def _confirm(self, make: Callable[[str], Command], timeout: Duration | None) -> str:
        link, ids = self._link, (self.workflow_id, self.run_id)
        return await confirm(link.requests, link.reads, ids, make, checks.seconds(timeout))
