"""Workflows that are classes: what the methods of a class make of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sagaline._runtime.checks import place_of
from sagaline._runtime.definitions import WorkflowDefinition
from sagaline._runtime.handlers import (
    QUERY,
    SIGNAL,
    UPDATE,
    HandlerDeclaration,
    HandlerDefinition,
    Handlers,
    by_handler_name,
)
from sagaline._runtime.signatures import Signature
from sagaline.errors import ConfigurationError

INIT_MARK = "__sagaline_init__"


def members_of(cls: type) -> dict[str, Any]:
    """What is written in the class and in those above it, as it is written; what is overridden is left out."""
    members: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        members.update(vars(base))
    return members


def definition_of_class(
    cls: type, name: str, run: WorkflowDefinition, options: WorkflowDefinition, channels: Iterable[HandlerDefinition]
) -> WorkflowDefinition:
    """The definition of a class whose method ``run`` is its run. ``options`` has what its decorator says.

    Raises ConfigurationError when its handlers share a name or its constructor takes something else than the run.
    """
    declared = [
        member.definition for member in members_of(cls).values() if issubclass(type(member), HandlerDeclaration)
    ]
    return replace(
        options,
        name=name,
        fn=run.fn,
        signature=Signature(run.fn, name, is_method=True),
        cls=cls,
        takes_input=_takes_input(cls, run),
        handlers=handlers_of([*declared, *channels], name),
    )


def handlers_of(handlers: Iterable[HandlerDefinition], workflow: str) -> Handlers:
    """Handlers by kind and name. Raises ConfigurationError when two share one."""
    kinds: dict[str, list[HandlerDefinition]] = {SIGNAL: [], QUERY: [], UPDATE: []}
    for handler in handlers:
        kinds[handler.kind].append(handler)
    signals, queries, updates = (by_handler_name(of_kind, workflow) for of_kind in kinds.values())
    return Handlers(signals, queries, updates)


def _takes_input(cls: type, run: WorkflowDefinition) -> bool:
    """Whether the constructor takes the arguments of the run: it is marked so, or has to be given something."""
    init = members_of(cls).get("__init__")
    if not inspect.isfunction(init):
        return False
    parameters = list(inspect.signature(init).parameters.values())[1:]
    required = [parameter for parameter in parameters if parameter.default is parameter.empty]
    if not required and not hasattr(init, INIT_MARK):
        return False
    taken = [parameter.name for parameter in run.signature.parameters]
    if [parameter.name for parameter in parameters] != taken:
        raise ConfigurationError(
            f"Expected __init__ of {cls.__qualname__} ({place_of(init)}) to take nothing, or what its run takes "
            f"({', '.join(taken) or 'nothing'}), but it takes {', '.join(p.name for p in parameters)}."
        )
    return True
