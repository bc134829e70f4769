"""What an exception that leaves a workflow's function means for its run: a failure, its cancellation, or a bug."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import cast

from sagaline._model.failure import APPLICATION, TIMEOUT, Failure
from sagaline._runtime.bugs import CompensationFailed, ContinueAsNew
from sagaline._runtime.failures import failure_of
from sagaline.errors import FailureError

FAILED = "failed"
CANCELLED = "cancelled"
CONTINUED = "continued"
BUG = "bug"


class UnfitResult(FailureError):
    """The workflow has returned something that cannot be its result: not of its type, or too large."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self._failure = failure

    @property
    def failure(self) -> Failure:
        """Why, with the error's own type."""
        return self._failure


def meaning(error: BaseException, cancel_requested: bool, failure_types: tuple[type[Exception], ...] = ()) -> str:
    """FAILED, CANCELLED, CONTINUED or BUG.

    Failures are FailureErrors, what the workflow lists as ``failure_types``, and the TimeoutError of
    ``asyncio.timeout`` and ``wait_for``: its timer is durable, so it says something about the world and nothing about
    the code. A CancelledError is a cancellation if somebody has asked for one, else a bug: the code has cancelled a
    task and waits for it. A group is a failure if failures are in it and no bug.
    """
    kinds = {_meaning(leaf, cancel_requested, failure_types) for leaf in leaves(error)}
    for kind in (BUG, FAILED, CANCELLED, CONTINUED):
        if kind in kinds:
            return kind
    return BUG


def _meaning(error: BaseException, cancel_requested: bool, failure_types: tuple[type[Exception], ...]) -> str:
    if isinstance(error, CompensationFailed):
        return BUG
    if isinstance(error, (FailureError, TimeoutError, *failure_types)):
        return FAILED
    if isinstance(error, ContinueAsNew):
        return CONTINUED
    return CANCELLED if isinstance(error, asyncio.CancelledError) and cancel_requested else BUG


def next_input(error: BaseException) -> bytes:
    """With which input the run begins anew. Contract: the error's meaning is CONTINUED."""
    return next(leaf.input for leaf in leaves(error) if isinstance(leaf, ContinueAsNew))


def failure_from(error: BaseException) -> Failure:
    """The run's failure. A group of one is that one; a group of several tells all of them."""
    members = [leaf for leaf in leaves(error) if not isinstance(leaf, asyncio.CancelledError)]
    if len(members) == 1:
        error = members[0]
    timed_out = all(isinstance(member, TimeoutError) for member in members)
    failure = failure_of(error, kind=TIMEOUT if timed_out else APPLICATION)
    if isinstance(error, TimeoutError) and not str(error):
        return Failure(
            failure.type,
            "The time of asyncio.timeout() or wait_for() is over, and the code has let the TimeoutError out.",
            failure.kind,
            failure.stack,
        )
    return failure


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The exceptions in a group and the groups in it, in order; a single one as it is."""
    waiting = [error]
    while waiting:
        member = waiting.pop()
        if isinstance(member, BaseExceptionGroup):
            group = cast("BaseExceptionGroup[BaseException]", member)
            waiting.extend(reversed(group.exceptions))
        else:
            yield member
