"""A run that ends and begins anew, with an empty history."""

from __future__ import annotations

from typing import Any, NoReturn

from sagaline._runtime.bugs import ContinueAsNew
from sagaline._runtime.calls import Calls
from sagaline._runtime.frames import caller
from sagaline._runtime.payload_bounds import encode_input
from sagaline.errors import SagalineError


def continue_as_new(calls: Calls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NoReturn:
    """Ends the run, which begins anew with these arguments. Raises InvalidInput, PayloadTooLarge, SagalineError."""
    workflow = calls.run.workflow
    if workflow.is_saga and (step := calls.table.undoable()) is not None:
        raise SagalineError(
            f"Expected a saga to have nothing to undo when it continues as new but {step.activity.name} (step "
            f"{step.number}) may have had an effect ({caller()})."
        )
    raise ContinueAsNew(encode_input(calls.setup, workflow, args, kwargs))
