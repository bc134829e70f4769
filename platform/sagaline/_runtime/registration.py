"""What a worker is given becomes its registry, checked as far as it can be before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from sagaline._runtime.checks import place_of, shown
from sagaline._runtime.definitions import (
    ActivityDefinition,
    Definition,
    Registry,
    WorkflowDefinition,
    check_compensation,
    definition_of,
)
from sagaline._runtime.usage import Use, activities_used
from sagaline.errors import ConfigurationError

_WORDS = {WorkflowDefinition: "workflow", ActivityDefinition: "activity"}


def registry_of(workflows: object, activities: object, system: Iterable[object] = ()) -> Registry:
    """The registry of a worker, with its ``warnings``. ``system`` are the workflows of the platform.

    Raises ConfigurationError for what is no workflow or activity, for two of one name, for types that cannot be
    resolved, and when what undoes a registered activity would not be found.
    """
    registry = Registry(
        [
            _definition(workflow, WorkflowDefinition, "workflows")
            for workflow in _listed(workflows, "workflows", "workflow")
        ],
        [
            _definition(activity, ActivityDefinition, "activities")
            for activity in _listed(activities, "activities", "activity")
        ],
        [_definition(workflow, WorkflowDefinition, "system") for workflow in system],
    )
    for workflow in registry.workflows.values():
        workflow.signature.require()
        for handler in workflow.handlers.all():
            handler.signature.require()
    for activity in registry.activities.values():
        activity.signature.require()
    for activity in registry.activities.values():
        if activity.is_method and activity.receiver is None:
            raise ConfigurationError(
                f"Expected an activity that can be called but {activity.name} ({activity.place}) is a method: give "
                f"that of an object, as in activities=[Payments(pool).charge]."
            )
        if activity.compensation is not None:
            check_compensation(activity, activity.compensation)  # its types may not have been known at decoration
    registry.warnings = _missing(registry)
    return registry


def _listed(value: object, option: str, word: str) -> list[object]:
    if definition_of(value) is not None or not isinstance(value, Iterable) or isinstance(value, str):
        raise ConfigurationError(f"Expected {option} to be a list of functions with @{word} but got {shown(value)}.")
    return list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _definition(value: object, kind: type[Definition], option: str) -> Definition:
    definition = definition_of(value)
    if isinstance(definition, kind):
        return definition
    raise ConfigurationError(f"Expected {option} to be functions with @{_WORDS[kind]} but got {_advice(value, kind)}.")


def _advice(value: object, kind: type) -> str:
    definition = definition_of(value)
    if definition is not None:
        other, option = ("activity", "activities") if kind is WorkflowDefinition else ("workflow", "workflows")
        return f"the {other} {definition.name} ({definition.place}): give it to {option}"
    if inspect.isroutine(value):
        return f"{shown(value)} ({place_of(value)}): put @{_WORDS[kind]} on it"
    if isinstance(value, type):
        if kind is WorkflowDefinition:
            return f"the class {value.__name__}: put @workflow on it, and @workflow.run on its method that runs"
        return f"the class {value.__name__}: give its decorated functions, or methods of an object"
    return f"{shown(value)}: write a function that makes the call, and put @{_WORDS[kind]} on it"


def _missing(registry: Registry) -> tuple[str, ...]:
    """What workflows can be seen to use and the registry has not, in words; each activity once."""
    missing: dict[str, str] = {}
    for workflow in registry.users.values():
        for activity, place in _activities_used(workflow):
            undo = activity.compensation
            if activity.name not in registry.activities:
                missing[activity.name] = (
                    f"Expected activity {activity.name!r} ({activity.place}) to be registered with this worker, "
                    f"because workflow {workflow.name!r} uses it at {place}. Add it to Worker(activities=[...])."
                )
            elif undo is not None and undo.name not in registry.activities:
                raise ConfigurationError(
                    f"Expected {undo.name!r} ({undo.place}) to be registered, because it undoes {activity.name!r}, "
                    f"which workflow {workflow.name!r} uses at {place}, but the worker has another {activity.name!r} "
                    f"({registry.activities[activity.name].place}) without it."
                )
    return tuple(missing.values())


def _activities_used(workflow: WorkflowDefinition) -> list[Use]:
    try:
        parts = [workflow.fn, *(handler.fn for handler in workflow.handlers.all() if not handler.is_channel)]
        return [use for part in parts for use in activities_used(part)]
    except Exception:  # of a hostile object in the user's module; what cannot be seen is not told
        return []
