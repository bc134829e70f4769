"""How large arguments and results may be that workflow code makes."""

from __future__ import annotations

from typing import Any

from sagaline._runtime.definitions import ActivityDefinition, WorkflowDefinition
from sagaline._runtime.endings import UnfitResult
from sagaline._runtime.failures import failure_of
from sagaline._runtime.handlers import HandlerDefinition
from sagaline._runtime.setup import Setup
from sagaline.errors import InvalidOutput, PayloadTooLarge

SMALL_BYTES = 100_000
"""No bound is below that: what is smaller need not be looked at."""


def check_arguments(setup: Setup, activity: ActivityDefinition, payload: bytes) -> None:
    """Raises PayloadTooLarge. What undoes a step may be given its arguments and its result in one input."""
    size, bound = setup.sealed_size(payload), setup.payload_bytes
    if activity.link.takes_result:
        bound = min(bound, setup.record_bytes - bound)
    if size > bound:
        raise PayloadTooLarge(
            f"Expected the arguments of {activity.name} to have at most {bound:,} bytes but they have {size:,}. "
            f"Store them, and pass a reference to them."
        )


def encode_input(setup: Setup, workflow: WorkflowDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """The arguments of a run that code asks for, as they are recorded. Raises InvalidInput, PayloadTooLarge."""
    payload = workflow.signature.encode_input(args, kwargs)
    if len(payload) > SMALL_BYTES and (size := setup.sealed_size(payload)) > setup.payload_bytes:
        raise PayloadTooLarge(
            f"Expected the arguments of {workflow.name} to have at most {setup.payload_bytes:,} bytes but they have "
            f"{size:,}. Store them, and pass a reference to them."
        )
    return payload


def encode_answer(setup: Setup, handler: HandlerDefinition, value: Any) -> bytes:
    """What a handler answers, as it is recorded. Raises InvalidOutput, PayloadTooLarge."""
    payload = handler.signature.check_output(value)
    if len(payload) > SMALL_BYTES and (size := setup.sealed_size(payload)) > setup.payload_bytes:
        raise PayloadTooLarge(
            f"Expected the answer of {handler.name} ({handler.place}) to have at most {setup.payload_bytes:,} bytes "
            f"but it has {size:,}. Store it, and return a reference to it."
        )
    return payload


def encode_result(setup: Setup, workflow: WorkflowDefinition, value: Any) -> bytes:
    """A workflow's result as it is recorded. Raises UnfitResult when it is none."""
    try:
        payload = workflow.signature.check_output(value)
        if len(payload) > SMALL_BYTES and (size := setup.sealed_size(payload)) > setup.payload_bytes:
            raise PayloadTooLarge(
                f"Expected the result of {workflow.name} ({workflow.place}) to have at most "
                f"{setup.payload_bytes:,} bytes but it has {size:,}. Store it, and return a reference to it."
            )
    except (InvalidOutput, PayloadTooLarge) as error:
        raise UnfitResult(failure_of(error)) from error
    return payload
