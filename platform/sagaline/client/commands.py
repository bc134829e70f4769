"""Commands to a run that is there: cancel, terminate, retry. They wait until what they ask for is on record."""

from __future__ import annotations

import asyncio

import msgspec

from sagaline._model import descriptions as wire
from sagaline._model.failure import Failure
from sagaline._model.records import TERMINATED, CancelRun, Reply, RetryRun, TerminateRun
from sagaline.client.reads import Reads
from sagaline.client.requests import Requests
from sagaline.errors import RequestRefused, RequestTimeout

_description = msgspec.json.Decoder(wire.RunDescription)
_GRACE_S = 2.0
_LOOK_S = 0.2
Command = CancelRun | TerminateRun | RetryRun


async def confirm(requests: Requests, reads: Reads, command: Command, timeout_s: float | None) -> None:
    """Sends the command until it is known what came of it. Raises RequestRefused, RequestTimeout.

    Owners answer with a refusal, or that they have accepted it; what they have accepted is also seen in the run's
    description, which is asked for behind the command on the same partition.
    """
    with requests.asking(command) as asking:
        look = asyncio.ensure_future(_see(requests, reads, command))
        try:
            await asyncio.wait((asking.future, look), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if asking.future.done():
                asking.future.result()
                return
            if look.done() and not look.result():
                await asking.answer(_GRACE_S)  # its refusal
                raise RequestRefused(_ended(command.workflow_id))
            if look.done():
                return
        finally:
            look.cancel()
    assert timeout_s is not None, "without a time-out it waits until there is an answer"
    text = await reads.silence(command.workflow_id, timeout_s, asking)
    raise RequestTimeout(f"{text} The request is on the log and may still be handled; make it again.")


async def _see(requests: Requests, reads: Reads, command: Command) -> bool:
    """Looks until the command has had its effect, True, or cannot have any more, False."""
    if isinstance(command, RetryRun):  # always answered
        await asyncio.Event().wait()
    while True:
        with requests.asking(reads.request(command.workflow_id, command.run_id, "description")) as asking:
            reply = await asyncio.shield(asking.future)
        verdict = _verdict(command, reply)
        if verdict is not None:
            return verdict
        await asyncio.sleep(_LOOK_S)


def _verdict(command: Command, reply: Reply) -> bool | None:
    description = _description.decode(reply.result or b"{}")
    if isinstance(command, CancelRun) and description.cancel_requested:
        return True
    if isinstance(command, TerminateRun) and reply.status == TERMINATED:
        return True
    return None if description.closed_at_ms is None else False


def _ended(workflow_id: str) -> Failure:
    message = f"Expected an open run of workflow id {workflow_id!r} but it has ended."
    return Failure("RunEnded", message, retryable=False)
