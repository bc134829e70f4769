"""A workflow whose code is not here, as a child: its arguments and its result are values of JSON."""

from __future__ import annotations

import inspect
from typing import Any

from sagaline._runtime.definitions import WorkflowDefinition
from sagaline._runtime.signatures import Signature
from sagaline.declaring import Workflow


def by_name(workflow: str, arguments: int) -> Workflow[..., Any]:
    """The workflow of that name, called with so many arguments."""

    async def elsewhere() -> Any: ...

    parameters = [inspect.Parameter(f"a{n}", inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in range(arguments)]
    elsewhere.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return Workflow(WorkflowDefinition(workflow, elsewhere, Signature(elsewhere, workflow), saga=None))
