"""The saga of a run, for people: its ledger, what a cancellation would undo, and what becomes of parked steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from sagaline._model.activities import DONE, EDIT, RETRY, SKIP, RepairActivity
from sagaline._model.failure import Failure
from sagaline._model.records import UndoRun
from sagaline._runtime.durations import Duration
from sagaline.client import checks
from sagaline.client.commands import confirm
from sagaline.client.ledger import LedgerReader, SagaLedger, UndoPreview
from sagaline.client.link import Link
from sagaline.client.requests import new_id
from sagaline.client.types import OpenStep
from sagaline.errors import RequestRefused

_TIMEOUT: Duration = "30s"


H = TypeVar("H")


class RunSaga(Generic[H]):
    """``handle.saga``. The last four methods say what becomes of a parked step.

    ``step`` is the number of a parked step, or of the step whose compensation is parked; it may be left out when one
    alone is parked. ``reason`` and ``by`` (by default this user and host) are in the run's history. Each method returns
    when that is on record; a call that is cancelled or times out may have been handled. All raise RequestRefused:
    "NotParked", "InvalidInput" for arguments or a result that do not fit the activity, "WorkflowNotFound", "RunEnded";
    and RequestTimeout.
    """

    def __init__(self, link: Link, workflow_id: str, run_id: str, handle_of: Callable[[str], H]) -> None:
        self._link, self._ids, self._handle_of = link, (workflow_id, run_id), handle_of

    async def ledger(self, timeout: Duration | None = _TIMEOUT) -> SagaLedger:
        """What the run's saga has done, what undoes it and how far that is.

        Works without a worker too, and for runs that have ended. Raises RequestRefused when there is no such run,
        RequestTimeout.
        """
        return await (await self._reader(timeout)).ledger()

    async def preview(self, timeout: Duration | None = _TIMEOUT) -> UndoPreview:
        """Which compensations would run if the run was cancelled now, or of a run that has ended, if it was undone: in
        which order, with which arguments. Nothing is changed. Errors as for ``ledger``."""
        reader = await self._reader(timeout)
        if reader.has_ended:
            workflow_id, run_id = self._ids
            described = await self._link.reads.describe(workflow_id, run_id, checks.seconds(timeout))
            while described.undone_by is not None:  # what that one has left
                reader = await self._reader(timeout, described.undone_by)
                described = await self._link.reads.describe(workflow_id, described.undone_by, checks.seconds(timeout))
        return await reader.preview()

    async def undo(self, *, reason: str, by: str | None = None, timeout: Duration | None = _TIMEOUT) -> H:
        """Undoes a run that has ended: all that its saga, and the runs that it goes on from, would undo in a rollback,
        the newest step first. ``preview`` says what. No code of the workflow runs.

        A new run of the same workflow and id does that; it ends ``compensated``, or waits for a person where a
        compensation cannot be done. Returns a handle of it when it has begun. A run is undone once: asked again, by
        whomever, the same run is returned. A run can be undone for as long as it is kept (``retention`` and
        ``undo_window`` of @saga).

        Arguments:
            reason: why, for the reader of its history; 8,000 bytes at most.
            by: who asks for it; by default this user and host, 255 bytes at most.

        A call that is cancelled or times out may have been handled. Raises RequestRefused: "PivotCrossed",
        "NothingToUndo", "RunOpen" (cancel it, or ``terminate(undo=True)``), "IdInUse" while another run of the id is
        open, "UndoOfUndo", "TooManySteps" (more than 1,000), "PayloadTooLarge", "PayloadUnavailable", "TooLong",
        "RunHeld", "WorkflowNotFound", also when it is kept no more; RequestTimeout.
        """
        link, (workflow_id, run_id) = self._link, self._ids
        why, who, timeout_s = checks.reason(reason), checks.person(by), checks.seconds(timeout)
        if not run_id:
            newest = await link.reads.describe(workflow_id, "", timeout_s)
            run_id = newest.undoes or newest.run_id
        request = UndoRun(new_id(), workflow_id, run_id, why, who, False, *link.requests.address)
        return self._handle_of(
            await confirm(link.requests, link.reads, (workflow_id, run_id), lambda _: request, timeout_s)
        )

    async def retry(
        self,
        step: int | None = None,
        *,
        reason: str = "retried by a person",
        by: str | None = None,
        timeout: Duration | None = _TIMEOUT,
    ) -> None:
        """Has it attempted again, with as many attempts as its policy says."""
        await self._say(RETRY, step, b"", reason, by, timeout)

    async def edit(
        self,
        step: int | None,
        /,
        *args: Any,
        reason: str = "retried by a person with other arguments",
        by: str | None = None,
        timeout: Duration | None = _TIMEOUT,
    ) -> None:
        """The same with other arguments: values of JSON, all that the activity takes, in their order."""
        await self._say(EDIT, step, checks.json_array(args), reason, by, timeout)

    async def done(
        self,
        step: int | None = None,
        *,
        reason: str,
        result: Any = None,
        by: str | None = None,
        timeout: Duration | None = _TIMEOUT,
    ) -> None:
        """It has been done by other means: ``reason`` is the evidence, ``result`` what the code is given, a value of
        JSON."""
        await self._say(DONE, step, checks.json_array((result,))[1:-1], reason, by, timeout)

    async def skip(
        self, step: int | None = None, *, reason: str, by: str | None = None, timeout: Duration | None = _TIMEOUT
    ) -> None:
        """It will not be done. A compensation counts as done, and the rollback goes on; any other step has failed, and
        has no effect."""
        await self._say(SKIP, step, b"", reason, by, timeout)

    async def _reader(self, timeout: Duration | None, run_id: str = "") -> LedgerReader:
        reads, workflow_id = self._link.reads, self._ids[0]
        request = reads.request(workflow_id, run_id or self._ids[1], "history")
        reply = (await reads.read(request, checks.seconds(timeout))).reply
        return LedgerReader(self._ids[0], reply.run_id, reply.records, self._link.payloads)

    async def _say(
        self, action: str, step: int | None, payload: bytes, reason: str, by: str | None, timeout: Duration | None
    ) -> None:
        link, (workflow_id, _) = self._link, self._ids
        why, who, timeout_s = checks.reason(reason), checks.person(by), checks.seconds(timeout)
        described = await link.reads.describe(*self._ids, timeout_s)
        parked = [one for one in described.waits_for if one.parked_at is not None]
        number = _chosen(workflow_id, step, parked)
        payload = await link.payloads.seal_repair(described.run_id, number, action, payload)
        request_id, address = new_id(), link.requests.address

        def make(run_id: str) -> RepairActivity:
            return RepairActivity(request_id, workflow_id, number, action, payload, why, who, *address, run_id)

        await confirm(link.requests, link.reads, (workflow_id, described.run_id), make, timeout_s)


def _chosen(workflow_id: str, step: int | None, parked: list[OpenStep]) -> int:
    """The number of the parked step that is meant. Raises RequestRefused."""
    if step is None and len(parked) == 1:
        return parked[0].step
    if step is None:
        shown = ", ".join(f"{one.step} ({one.name})" for one in parked) or "none"
        message = f"Expected one parked step of {workflow_id!r}, or the number of one, but these are: {shown}."
        raise RequestRefused(Failure("NotParked", message, retryable=False))
    meant = [one.step for one in parked if one.step == step] or [one.step for one in parked if one.compensates == step]
    return step if len(meant) != 1 else meant[0]
