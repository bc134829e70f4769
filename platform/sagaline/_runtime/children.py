"""Runs that a run starts: its children."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from sagaline._model import events
from sagaline._model.limits import CHILDREN
from sagaline._runtime.calls import ROLLING_BACK, Calls
from sagaline._runtime.definitions import WorkflowDefinition
from sagaline._runtime.frames import caller
from sagaline._runtime.payload_bounds import encode_input
from sagaline.errors import ChildError, SagalineError

_STOPPED = "its parent no longer waits for it"


@dataclass(slots=True)
class Child:
    """A child as the run knows it. ``began`` has the id of its run, ``ended`` its result or ChildError. ``status`` is
    None until it has ended; a rollback of the run can tell from it what the child has undone by itself."""

    number: int
    workflow: WorkflowDefinition
    workflow_id: str
    began: asyncio.Future[str]
    ended: asyncio.Future[Any]
    status: str | None = None
    cancel_requested: bool = False

    def end(self, job: events.ChildEnded) -> None:
        """Its end is known."""
        self.status = job.status
        if job.status == "completed":
            self.ended.set_result(self.workflow.signature.decode_output(job.result or b"null"))
            return
        error = ChildError(self.workflow.name, self.workflow_id, job.status, job.failure)
        self.ended.set_exception(error)
        if not self.began.done():
            self.began.set_exception(error)


async def start(calls: Calls, workflow: WorkflowDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Child:
    """Asks for a child; the intent is recorded before it is sent. Raises InvalidInput, PayloadTooLarge,
    SagalineError."""
    if calls.phase == ROLLING_BACK:  # a branch on its way out: it is closed there
        await calls.create_future()
    children = calls.table.children
    if len(children) >= CHILDREN:
        raise SagalineError(
            f"Expected at most {CHILDREN:,} children at a time but {workflow.name} is one more ({caller()}). Wait for "
            f"some of them before others start."
        )
    payload = encode_input(calls.setup, workflow, args, kwargs)
    options, number = workflow.child, calls.table.next_number()
    child_id = options.id or f"{calls.run.identity}/{number}"
    child = Child(number, workflow, child_id, calls.create_future(), calls.create_future())
    children[number] = child
    calls.commands.add(
        events.ChildRequested(
            number,
            child_id,
            workflow.name,
            payload,
            options.parent_close,
            options.id_reuse,
            options.memo,
            options.search_attributes,
        ),
        len(payload) + len(options.memo),
    )
    return child


async def begin(calls: Calls, child: Child) -> str:
    """The id of the child's run, when it runs. Raises ChildError when it is refused."""
    return await _settled(calls, child, child.began)  # type: ignore[no-any-return]


async def result(calls: Calls, child: Child) -> Any:
    """The child's result. Raises ChildError. Whoever is cancelled while waiting cancels the child, once."""
    return await _settled(calls, child, child.ended)


async def _settled(calls: Calls, child: Child, future: asyncio.Future[Any]) -> Any:
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        cancel(calls, child, calls.cancel_reason or _STOPPED)
        raise


def cancel(calls: Calls, child: Child, reason: str) -> None:
    """Asks the child to stop, once; nothing when it has ended."""
    if child.status is None and not child.cancel_requested:
        child.cancel_requested = True
        calls.commands.add(events.ChildCancelRequested(child.number, reason))
