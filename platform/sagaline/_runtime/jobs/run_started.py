"""The run begins: its function is called with its input."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, cast

from sagaline._model.events import RunStarted
from sagaline._runtime.flow import steps
from sagaline._runtime.loop import WorkflowTask
from sagaline._runtime.payload_bounds import encode_result
from sagaline._runtime.run_loop import Body, RunLoop
from sagaline._runtime.sagas import blocks, handing_up, rollback
from sagaline.errors import SagalineError


def apply(loop: RunLoop, job: RunStarted) -> None:
    """Creates the main task. Raises SagalineError, which parks the run, when it has inherited something to undo and the
    workflow is no saga any more."""
    run = loop.run
    if loop.table.ledgers and loop.sagas.root is None and not job.wants_ledger:
        (inherited,) = loop.table.ledgers.values()
        raise SagalineError(
            f"Expected {run.workflow.name} to be a saga, for the run before has left {len(inherited.left)} steps to "
            f"undo, but it is a workflow ({run.workflow.place}). Make it a saga again, and the run goes on by itself."
        )
    run.started_ms = loop.now_ms
    run.continued_from, run.parent_id = job.continued_from or None, job.parent_id or None
    run.chain = job.first_run_id or run.identity
    run.wants_ledger = job.wants_ledger
    body = loop.body or read_input(loop, job.input)
    loop.body = None
    if job.delay_ms:
        body = partial(_delayed, body, job.delay_ms / 1_000)
    if loop.sagas.root is not None:
        main = rollback.run(loop, loop.sagas.root, body)
    else:
        main = handing_up.run(loop, partial(_plain, loop, body)) if run.wants_ledger else _plain(loop, body)
    loop.main = cast("WorkflowTask", loop.create_task(main, name="main"))


def read_input(loop: RunLoop, payload: bytes) -> Body:
    """The workflow's function with its input. Raises InvalidInput."""
    workflow = loop.run.workflow
    args, kwargs = workflow.signature.decode_input(payload)
    body: Body = partial(workflow.fn if workflow.cls is None else partial(_of_object, loop), *args, **kwargs)
    if workflow.flow:
        body = partial(steps.run, loop, workflow.flow, workflow.signature.ordered(args, kwargs), body)
    return body


async def _delayed(body: Body, delay_s: float) -> Any:
    """A durable timer comes before everything else."""
    await asyncio.sleep(delay_s)
    return await body()


async def _of_object(loop: RunLoop, *args: Any, **kwargs: Any) -> Any:
    """Makes the run's object and calls its function. Signals that are there already are handled first."""
    workflow = loop.run.workflow
    receiver = workflow.new_object(args, kwargs)
    if loop.mailbox.open(receiver):
        await asyncio.sleep(0)
    return await workflow.fn(receiver, *args, **kwargs)


async def _plain(loop: RunLoop, body: Body) -> bytes:
    """The main task of a workflow that is no saga; nothing of it exists if it is cancelled before it starts."""
    try:
        result = encode_result(loop.setup, loop.run.workflow, await body())
    except BaseException as error:
        await blocks.stop_all(loop, error)
        raise
    await blocks.all_ended(loop)
    return result
