"""The steps of a run: everything its code waits for, with number, intent and outcome. For a saga, the ledger."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from sagaline._model.failure import Failure
from sagaline._runtime.definitions import ActivityDefinition

COMPLETED = "completed"
FAILED = "failed"
UNKNOWN = "unknown"


@dataclass(slots=True)
class Step:
    """One activity call. ``outcome`` is None until it is recorded.

    ``failed`` means: provably without effect. Anything else that is not ``completed`` is ``unknown``.
    """

    number: int
    activity: ActivityDefinition
    input: bytes
    future: asyncio.Future[Any]
    outcome: str | None = None
    result: bytes | None = None
    settled: list[asyncio.Future[None]] = field(default_factory=list[asyncio.Future[None]])

    def settle(self, outcome: str, result: bytes | None = None) -> None:
        """Notes the outcome and wakes the rollback that may wait for it."""
        self.outcome, self.result = outcome, result
        for waiter in self.settled:
            if not waiter.done():
                waiter.set_result(None)


def outcome_of(failure: Failure) -> str:
    """Whether a step that failed may have left an effect behind."""
    return FAILED if failure.clean else UNKNOWN


def compensation_input(step: Step) -> bytes:
    """The arguments of a step's compensation: those of the step, and its result or null if it takes one more.

    Made of the recorded JSON as it is: the ledger is data, never a closure.
    """
    assert step.activity.compensation is not None
    forward = step.activity.signature.parameters
    if len(step.activity.compensation.signature.parameters) == len(forward):
        return step.input
    comma = b"," if forward else b""
    return step.input[:-1] + comma + (step.result or b"null") + b"]"
