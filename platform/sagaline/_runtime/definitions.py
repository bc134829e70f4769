"""What the decorators make: activities and workflows by name, with their defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from types import MethodType
from typing import Any, Generic, TypeVar, cast

from sagaline._model.activities import AttemptLimits
from sagaline._model.attributes import SearchAttribute
from sagaline._model.failure import RetryPolicy
from sagaline._runtime.checks import place_of
from sagaline._runtime.flow.keys import KeyedLimit, KeyPath
from sagaline._runtime.handlers import NO_HANDLERS, Handlers
from sagaline._runtime.rates import TypeLimits
from sagaline._runtime.signatures import Signature
from sagaline.errors import ConfigurationError


@dataclass(frozen=True)
class ActivityOptions:
    """How an activity is attempted."""

    timeout_ms: int = 60_000
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    queue: str = ""
    limits: AttemptLimits | None = None
    kind: str = ""
    """What it is for a saga: "" when a compensation undoes it, if it has one; else a word of ``_model.activities``."""


LOOP, THREAD, PROCESS = "loop", "thread", "process"
"""Where an activity runs."""


class CompensationLink:
    """What undoes an activity: one link for all its variants, so that it does not matter when it is declared. Of a
    compensation (``undoes``) it is what takes its place when it fails. ``takes_result``: it is given the result too."""

    __slots__ = ("definition", "takes_result", "undoes")

    def __init__(self, *, undoes: bool = False) -> None:
        self.definition: ActivityDefinition | None = None
        self.takes_result, self.undoes = False, undoes

    def declare(self, forward: ActivityDefinition, undo: ActivityDefinition) -> ActivityDefinition:
        """Sets what undoes it, and returns it as that. Raises ConfigurationError when it does not fit, or something
        else does already."""
        if self.definition is not None:
            raise ConfigurationError(
                f"Expected one compensation of {forward.name} but {self.definition.place} and {undo.place} both are."
            )
        (check_fallback if self.undoes else check_compensation)(forward, undo)
        self.definition = replace(undo, link=CompensationLink(undoes=True))
        self.takes_result = len(undo.signature.parameters) > len(forward.signature.parameters)
        return self.definition


@dataclass(frozen=True, eq=False)
class ActivityDefinition:
    """A function with a name that may do anything. Its attempts may repeat, its result is recorded once.

    A method has no ``receiver`` when it is called through its class, as workflow code does; a worker is given the
    method of an object.
    """

    name: str
    fn: Callable[..., Any]
    signature: Signature
    is_async: bool
    options: ActivityOptions
    refusals: tuple[type[Exception], ...] = ()
    retry_if: Callable[[Exception], bool] | None = None
    is_method: bool = False
    receiver: object | None = None
    executor: str = LOOP
    type_limits: TypeLimits | None = None
    flow: tuple[KeyedLimit, ...] = ()
    """Its limits in the whole namespace."""
    fairness: KeyPath | None = None
    """Where its arguments have its fairness key."""
    link: CompensationLink = field(default_factory=CompensationLink)

    @property
    def compensation(self) -> ActivityDefinition | None:
        """What undoes it, as declared by now; of a method, the method of the same object."""
        undo = self.link.definition
        return undo.bound(self.receiver) if undo is not None and self.receiver is not None else undo

    @property
    def place(self) -> str:
        """File and line."""
        return place_of(self.fn)

    def bound(self, receiver: object) -> ActivityDefinition:
        """A method's definition for an object; any other as it is."""
        if not self.is_method:
            return self
        fn = self.fn.__func__ if isinstance(self.fn, MethodType) else self.fn
        return replace(self, fn=MethodType(fn, receiver), receiver=receiver)

    def undone_by(self, undo: ActivityDefinition | None) -> ActivityDefinition:
        """The same activity with another compensation, or with none. Raises ConfigurationError when it does not fit."""
        link = CompensationLink()
        if undo is not None:
            link.declare(self, undo)
        return replace(self, link=link)


@dataclass(frozen=True)
class SagaOptions:
    """How a saga undoes: steps that ran beside each other ``parallel``, at most ``limit`` at a time (0: 100).
    ``strict``: each of its steps has to say what becomes of its effect. ``undo_window_ms``: so long a run that has
    completed is kept on top of what every run is."""

    parallel: bool = False
    limit: int = 0
    strict: bool = False
    undo_window_ms: int = 0


@dataclass(frozen=True)
class ChildOptions:
    """How a workflow is started by another. ``id``: "" for one of its own. ``parent_close``: what becomes of it when
    the parent ends first. ``memo`` and ``search_attributes`` as they are recorded. ``undo``: a rollback of the parent
    undoes what it has done."""

    id: str = ""
    parent_close: str = "terminate"
    id_reuse: str = "allow"
    memo: bytes = b""
    search_attributes: tuple[SearchAttribute, ...] = ()
    undo: bool = True


@dataclass(frozen=True, eq=False)
class WorkflowDefinition:
    """A workflow: an async function of deterministic code. ``saga``: how a failure undoes what its steps have done."""

    name: str
    fn: Callable[..., Any]
    signature: Signature
    saga: SagaOptions | None
    retention_ms: int | None = None
    cls: type | None = None
    """The class that ``fn`` is a method of: each run has an object of it."""
    takes_input: bool = False
    """The class's constructor takes the arguments of the run."""
    handlers: Handlers = NO_HANDLERS
    child: ChildOptions = ChildOptions()
    flow: tuple[KeyedLimit, ...] = ()
    """Limits in the whole namespace that a run asks for before its code begins."""
    failure_types: tuple[type[Exception], ...] = ()
    """Exceptions that fail a run, as a FailureError does; all others are bugs."""
    outcomes: str = ""
    """What the topic of outcomes tells of its runs: a word of ``_model.outcomes``, or "" for nothing."""

    @property
    def is_saga(self) -> bool:
        """A failure undoes what its steps have done."""
        return self.saga is not None

    @property
    def place(self) -> str:
        """File and line."""
        return place_of(self.fn)

    def new_object(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        """The object of a run of a class."""
        if self.cls is None:
            raise TypeError(f"Expected {self.name} to be a class but it is a function.")
        return self.cls(*args, **kwargs) if self.takes_input else self.cls()

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function here and now."""
        if self.cls is None:
            return self.fn(*args, **kwargs)
        return self.fn(self.new_object(args, kwargs), *args, **kwargs)


Definition = TypeVar("Definition", ActivityDefinition, WorkflowDefinition)
D = TypeVar("D", bound=ActivityDefinition | WorkflowDefinition)


class Declaration(Generic[D]):
    """What stands in the user's module in place of the function: base of Activity and Workflow."""

    def __init__(self, definition: D) -> None:
        self._definition = definition
        self.__doc__ = definition.fn.__doc__
        self.__name__ = definition.name
        self.__module__ = definition.fn.__module__
        self.__qualname__ = definition.fn.__qualname__

    @property
    def name(self) -> str:
        """The name under which it stands in history."""
        return self._definition.name

    @property
    def definition(self) -> D:
        """What a worker registers."""
        return self._definition


RUN_OF_CLASS = "__sagaline_run__"
"""The attribute of a class with @workflow that has its Workflow."""


def check_compensation(forward: ActivityDefinition, undo: ActivityDefinition) -> None:
    """It takes the step's arguments, the result or None if it wants it, and anything more has to have a default."""
    parameters = undo.signature.parameters
    arguments = len(forward.signature.parameters)
    optional = all(parameter.default is not parameter.empty for parameter in parameters[arguments + 1 :])
    if len(parameters) < arguments or not optional:
        raise ConfigurationError(
            f"Expected {undo.name} to take the {arguments} arguments of {forward.name}, and its result as one more "
            f"if it wants it, but it takes {len(parameters)} ({undo.place})."
        )
    if len(parameters) > arguments and not undo.signature.accepts_null(arguments):
        raise ConfigurationError(
            f"Expected {parameters[arguments].name} of {undo.name} ({undo.place}) to take None beside the result of "
            f"{forward.name}, for a step whose outcome is unknown, but its type does not: write it as `... | None`."
        )
    if undo.is_method and not forward.is_method:
        raise ConfigurationError(
            f"Expected {undo.name} to be a function, as {forward.name} is, but it is a method ({undo.place})."
        )


def check_fallback(compensation: ActivityDefinition, fallback: ActivityDefinition) -> None:
    """It is called as the compensation is. Raises ConfigurationError."""
    count, parameters = len(compensation.signature.parameters), fallback.signature.parameters
    if len(parameters) < count or any(parameter.default is parameter.empty for parameter in parameters[count:]):
        raise ConfigurationError(
            f"Expected {fallback.name} to take the {count} arguments of {compensation.name}, which it is the fallback "
            f"of, but it takes {len(parameters)} ({fallback.place})."
        )


def definition_of(value: object) -> ActivityDefinition | WorkflowDefinition | None:
    """The definition of an Activity or Workflow, or of a class with @workflow; None of anything else, without asking
    the value what it is."""
    if issubclass(type(value), type):
        value = vars(value).get(RUN_OF_CLASS)
    if not issubclass(type(value), Declaration):
        return None
    return cast("Declaration[Any]", value).definition  # type: ignore[no-any-return]


def by_name(definitions: Iterable[Definition], what: str) -> dict[str, Definition]:
    """Definitions by name; raises ConfigurationError when two share one."""
    named: dict[str, Definition] = {}
    for definition in definitions:
        other = named.setdefault(definition.name, definition)
        if other is not definition and other.fn != definition.fn:
            raise ConfigurationError(
                f"Expected each {what} to have a name of its own but {definition.name!r} is the name of both "
                f"{other.place} and {definition.place}. Give one of them another: @{what}(name=...)."
            )
    return named


class Registry:
    """The workflows and activities that a worker can run. ``warnings``: what it lacks, as far as can be seen."""

    warnings: tuple[str, ...] = ()

    def __init__(
        self,
        workflows: Iterable[WorkflowDefinition],
        activities: Iterable[ActivityDefinition],
        system: Iterable[WorkflowDefinition] = (),
    ) -> None:
        self.users = by_name(workflows, "workflow")
        """The workflows that the worker was given."""
        self.workflows = {**by_name(system, "workflow"), **self.users}
        """Those, and the platform's own."""
        listed = list(activities)
        for activity in listed:  # it grows: a compensation may have a fallback
            if (undo := activity.compensation) is not None and undo not in listed:
                listed.append(undo)
        self.activities = by_name(listed, "activity")

    def activity(self, name: str) -> ActivityDefinition:
        """An activity by its name. Raises LookupError when it is not registered."""
        try:
            return self.activities[name]
        except KeyError:
            known = ", ".join(sorted(self.activities)) or "none"
            raise LookupError(
                f"Expected activity {name!r} to be registered with the worker but it has: {known}. "
                f"Add it to Worker(activities=[...])."
            ) from None
