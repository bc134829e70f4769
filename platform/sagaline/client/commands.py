"""Commands to a run that is there, such as cancel or pause. They wait until what they ask for is on record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sagaline._model.records import ResetRun, RetryRun, RunControl, UndoRun
from sagaline.client.reads import Reads
from sagaline.client.requests import Requests
from sagaline.errors import RequestTimeout

Command = RunControl | ResetRun | UndoRun | RetryRun


async def confirm(
    requests: Requests, reads: Reads, ids: tuple[str, str], make: Callable[[str], Command], timeout_s: float | None
) -> str:
    """Sends a command to a run until it is answered; returns the id of the run that the answer names.

    ``ids`` are those of its workflow and of the run, which may be empty; ``make`` makes the command for a run id.
    Raises RequestRefused, RequestTimeout.

    A command means one certain run, also when it is asked again: without a run id the newest as of now.
    """
    loop = asyncio.get_running_loop()
    deadline = None if timeout_s is None else loop.time() + timeout_s
    workflow_id, run_id = ids
    if not run_id:
        newest = await reads.read(reads.request(workflow_id, "", "description"), timeout_s)
        run_id = newest.reply.run_id
    with requests.asking(make(run_id)) as asking:
        left_s = None if deadline is None else max(0.0, deadline - loop.time())
        if (reply := await asking.answer(left_s)) is not None:
            return reply.run_id
    text = await reads.silence(workflow_id, timeout_s, asking)
    raise RequestTimeout(f"{text} The request is on the log and may still be handled; make it again.")
