"""Runs that a run starts: its children."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from sagaline._model import events
from sagaline._model.limits import CHILDREN
from sagaline._runtime.calls import ROLLING_BACK, Calls
from sagaline._runtime.definitions import ChildOptions, WorkflowDefinition
from sagaline._runtime.flags import CHILDREN_ARE_UNDONE
from sagaline._runtime.frames import caller
from sagaline._runtime.payload_bounds import encode_input
from sagaline._runtime.sagas.scopes import Scope
from sagaline.errors import ChildError, SagalineError

_STOPPED = "its parent no longer waits for it"


@dataclass(slots=True)
class Child:
    """A child as the run knows it. ``began`` has the id of its run, ``ended`` its result or ChildError. ``status`` is
    None until it has ended. ``wants_ledger``: what it has done is undone by ``scope``, or, in a run that is no saga, by
    the run that has started that one."""

    number: int
    workflow: WorkflowDefinition
    workflow_id: str
    began: asyncio.Future[str]
    ended: asyncio.Future[Any]
    status: str | None = None
    cancel_requested: bool = False
    wants_ledger: bool = False
    scope: Scope | None = None

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
    scope = calls.sagas.here()
    wants_ledger = _is_undone(calls, scope, options)
    child = Child(number, workflow, child_id, calls.create_future(), calls.create_future())
    child.wants_ledger, child.scope = wants_ledger, scope
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
            wants_ledger,
            scope.number if wants_ledger and scope is not None else -1,
        ),
        len(payload) + len(options.memo),
    )
    return child


def _is_undone(calls: Calls, scope: Scope | None, options: ChildOptions) -> bool:
    """Whether a rollback undoes what the child will have done. One that is to go on beyond this run is no part of its
    transaction, and behind a pivot nothing is undone."""
    if not options.undo or options.parent_close == "abandon" or CHILDREN_ARE_UNDONE not in calls.run.flags:
        return False
    return calls.run.wants_ledger if scope is None else not scope.pivot


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


def open_of(calls: Calls, scope: Scope | None, after: int = 0) -> list[Child]:
    """Children that have not ended and that a rollback of the scope will have to do with, in the order of their start;
    None: those of the run, whatever undoes them. ``after``: only those behind this step."""
    children: list[Child] = list(calls.table.children.values())
    return [
        child
        for child in children
        if child.wants_ledger
        and child.number > after
        and (scope is None or (child.scope is not None and child.scope.is_within(scope)))
    ]


async def stop(calls: Calls, scope: Scope | None, after: int, reason: str) -> None:
    """Asks these to stop, and waits until they have ended: their own rollback comes before that of what was before
    them."""
    stopped = open_of(calls, scope, after)
    for child in stopped:
        cancel(calls, child, reason)
    if stopped:
        await calls.wait_condition(lambda: all(child.status is not None for child in stopped))
