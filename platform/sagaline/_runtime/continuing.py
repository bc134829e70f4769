"""A run that ends and begins anew, with an empty history."""

from __future__ import annotations

from typing import Any, NoReturn

from sagaline._runtime.bugs import ContinueAsNew
from sagaline._runtime.calls import Calls
from sagaline._runtime.payload_bounds import encode_input


def continue_as_new(calls: Calls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NoReturn:
    """Ends the run, which begins anew with these arguments. Raises InvalidInput, PayloadTooLarge."""
    raise ContinueAsNew(encode_input(calls.setup, calls.run.workflow, args, kwargs))
