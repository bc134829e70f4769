"""What the decorators make: activities and workflows by name, with their defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sagaline._model.failure import RetryPolicy
from sagaline._runtime.signatures import Signature
from sagaline.errors import ConfigurationError


@dataclass(frozen=True)
class ActivityOptions:
    """How an activity is attempted."""

    timeout_ms: int = 60_000
    retry: RetryPolicy = field(default_factory=RetryPolicy)


@dataclass(frozen=True)
class ActivityDefinition:
    """A function with a name that may do anything. Its attempts may repeat, its result is recorded once."""

    name: str
    fn: Callable[..., Any]
    signature: Signature
    is_async: bool
    options: ActivityOptions
    refusals: tuple[type[BaseException], ...] = ()
    compensation: ActivityDefinition | None = None

    def with_options(self, **changes: Any) -> ActivityDefinition:
        """The same activity with other defaults."""
        return replace(self, options=replace(self.options, **changes))


@dataclass(frozen=True)
class WorkflowDefinition:
    """A workflow: an async function of deterministic code. ``is_saga``: a failure undoes what its steps have done."""

    name: str
    fn: Callable[..., Any]
    signature: Signature
    is_saga: bool
    retention_ms: int | None = None


Definition = TypeVar("Definition", ActivityDefinition, WorkflowDefinition)


def by_name(definitions: Iterable[Definition], what: str) -> dict[str, Definition]:
    """Definitions by name; raises ConfigurationError when two share one."""
    found: dict[str, Definition] = {}
    for one in definitions:
        other = found.setdefault(one.name, one)
        if other is not one and other.fn is not one.fn:
            places = " and ".join(f"{fn.__module__}.{fn.__qualname__}" for fn in (other.fn, one.fn))
            raise ConfigurationError(
                f"Expected each {what} to have a name of its own but {places} are both {one.name}."
            )
    return found


class Registry:
    """The workflows and activities that a worker can run."""

    def __init__(self, workflows: Iterable[WorkflowDefinition], activities: Iterable[ActivityDefinition]) -> None:
        self.workflows = by_name(workflows, "workflow")
        listed = list(activities)
        listed += [one.compensation for one in listed if one.compensation is not None]
        self.activities = by_name(listed, "activity")
