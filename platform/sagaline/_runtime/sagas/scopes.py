"""Scopes: parts of a run that undo their own steps when they fail. A saga's run is one, and others may be in it.

A step belongs to the innermost scope that is open where it is called. When a scope ends well its steps are those of the
scope around it; a scope that fails has undone them.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterator
from typing import Any

import msgspec

from sagaline._runtime.definitions import WorkflowDefinition
from sagaline._runtime.phases import FORWARD

COMMITTED = "committed"
COMPENSATED = "compensated"
_ENDED = (COMMITTED, COMPENSATED)


class Scope(msgspec.Struct, eq=False):
    """A part of a run that undoes its own steps.

    ``number``: that of its step, 0 for the run's own. ``phase``: FORWARD, ROLLING_BACK, then COMPENSATED; or COMMITTED.
    ``pivot``: the step behind which nothing is undone, once that is done; ``pivots_open``: how many are under way.
    ``calls_left``: how many activities and timers its tasks may ask for while they are stopped; None: any number.
    ``task`` runs its block.
    """

    number: int
    parent: Scope | None = None
    parallel: bool = False
    limit: int = 0
    strict: bool = False
    phase: str = FORWARD
    pivot: str = ""
    pivots_open: int = 0
    calls_left: int | None = None
    task: asyncio.Task[Any] | None = None

    def outward(self) -> Iterator[Scope]:
        """This scope and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def is_within(self, other: Scope) -> bool:
        """True of the scope itself too."""
        return any(scope is other for scope in self.outward())

    def cross(self, pivot: str) -> None:
        """A pivot is done: what is around it cannot be undone either."""
        for scope in self.outward():
            scope.pivot = scope.pivot or pivot

    def await_pivot(self, count: int) -> None:
        """A pivot is under way (1), or no longer (-1)."""
        for scope in self.outward():
            scope.pivots_open += count

    @property
    def keeps_on(self) -> bool:
        """True when it may not be cancelled any more, or not before its pivot is known to be done or not."""
        return bool(self.pivot) or self.pivots_open > 0

    @property
    def is_kept(self) -> bool:
        """The same of one that is open around it."""
        return any(one.is_open and one.keeps_on for one in self.outward())

    @property
    def is_crossed(self) -> bool:
        """True when what it has done cannot be undone any more: a pivot of it, or of one around it, is done."""
        return any(one.pivot for one in self.outward())

    @property
    def is_open(self) -> bool:
        """True until it has ended."""
        return self.phase not in _ENDED


current_scope: contextvars.ContextVar[Scope] = contextvars.ContextVar("sagaline_scope")
"""The scope of the running code; tasks inherit it from the code that makes them."""


def root_of(workflow: WorkflowDefinition) -> Scope | None:
    """The scope of a run of the workflow; None when it is no saga."""
    saga = workflow.saga
    return None if saga is None else Scope(0, None, saga.parallel, saga.limit, saga.strict)


class Sagas:
    """The scopes of a run. ``root``: its own, if it is a saga; ``open``: the others that have not ended, by number.
    ``held_cancel``: why the run is to stop, while its pivot holds that up."""

    __slots__ = ("held_cancel", "open", "root", "stopping")

    def __init__(self, root: Scope | None) -> None:
        self.root = root
        self.open: dict[int, Scope] = {}
        self.held_cancel: str | None = None
        self.stopping = 0  # scopes whose tasks are being stopped: their calls are counted

    @property
    def keep_on(self) -> bool:
        """True when the run may not be cancelled: one of its scopes, in whichever task, may not."""
        root = self.root
        return (root is not None and root.keeps_on) or any(scope.keeps_on for scope in self.open.values())

    def here(self) -> Scope | None:
        """The scope that a step which is called now belongs to; None in a workflow that is no saga."""
        scope = current_scope.get(self.root)
        while scope is not None and scope.phase in _ENDED:
            scope = scope.parent
        return scope

    def of(self, context: contextvars.Context) -> Scope | None:
        """The scope of a task's code."""
        return context.get(current_scope, self.root)

    def allow_calls(self, scope: Scope, count: int | None) -> None:
        """How many more activities and timers the code of a scope may ask for; those beyond never come back. None: any
        number."""
        self.stopping += (count is not None) - (scope.calls_left is not None)
        scope.calls_left = count

    def is_stopping(self, scope: Scope | None) -> bool:
        """True while the code of the scope is being stopped, for a rollback."""
        return self.stopping > 0 and scope is not None and any(one.calls_left is not None for one in scope.outward())

    def may_call(self, scope: Scope | None) -> bool:
        """The innermost scope that is being stopped counts it."""
        if not self.stopping or scope is None:
            return True
        for around in scope.outward():
            if around.calls_left is not None:
                around.calls_left -= 1
                return around.calls_left >= 0
        return True
