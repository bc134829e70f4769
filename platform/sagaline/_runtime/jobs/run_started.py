"""The run begins: its function is called with its input."""

from __future__ import annotations

from functools import partial

from sagaline._model.events import RunStarted
from sagaline._runtime.run import RunInfo
from sagaline._runtime.run_loop import Body, RunLoop
from sagaline._runtime.sagas import rollback


def apply(loop: RunLoop, job: RunStarted) -> None:
    """Creates the main task."""
    run = loop.run
    run.started_ms = loop.now_ms
    body = loop.body or read_input(run, job.input)
    loop.body = None
    loop.main = loop.create_task(rollback.run(loop, body) if run.workflow.is_saga else _plain(loop, body), name="main")


def read_input(run: RunInfo, payload: bytes) -> Body:
    """The workflow's function with its input. Raises InvalidInput."""
    args, kwargs = run.workflow.signature.decode_input(payload)
    return partial(run.workflow.fn, *args, **kwargs)


async def _plain(loop: RunLoop, body: Body) -> bytes:
    """The main task of a workflow that is no saga; nothing of it exists if it is cancelled before it starts."""
    return loop.encode_result(await body())
