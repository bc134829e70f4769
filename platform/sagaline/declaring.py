"""What ``@workflow`` and ``@saga`` make of a function or a class."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MethodType
from typing import Any, Generic, Literal, NoReturn, ParamSpec, TypeVar, overload

from sagaline._model.outcomes import BRIEF, DETAILS
from sagaline._model.system import SYSTEM, is_system, why_reserved
from sagaline._runtime import checks, children
from sagaline._runtime.attributes import SearchValue, memo_bytes, search_of
from sagaline._runtime.calls import Calls
from sagaline._runtime.classes import definition_of_class, handlers_of, members_of
from sagaline._runtime.context import current_instance, refuse_in_side_effect, require_instance
from sagaline._runtime.continuing import continue_as_new
from sagaline._runtime.definitions import RUN_OF_CLASS, Declaration, SagaOptions, WorkflowDefinition
from sagaline._runtime.durations import Duration, milliseconds
from sagaline._runtime.flags import WORKFLOWS_RUN_INLINE_ON_REQUEST
from sagaline._runtime.flow.keys import Key, KeyedLimit, Rate, keyed_limits, split
from sagaline._runtime.frames import caller
from sagaline._runtime.handlers import HandlerDefinition
from sagaline._runtime.signatures import Signature
from sagaline.errors import ConfigurationError, SagalineError
from sagaline.handlers import Signal

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")
ParentClose = Literal["terminate", "request_cancel", "abandon"]
"""What becomes of a child when its parent ends first."""
IdReuse = Literal["allow", "if_failed", "reject"]
Outcomes = Literal["brief", "full"]
"""What is told of how runs end: without texts that people or programs have written, such as messages of failures, or
with them."""
PARENT_CLOSE, ID_REUSE = ("terminate", "request_cancel", "abandon"), ("allow", "if_failed", "reject")


class Workflow(Declaration[WorkflowDefinition], Generic[P, R]):
    """A decorated function. ``client.start`` runs it durably; a plain call runs it here and now, for unit tests."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Inside a workflow that a worker runs: starts a run of its own, a child, and waits for its result. Elsewhere:
        runs the function here and now, without durability.

        ``options`` says how the child is started, ``inline`` makes it a part of the caller instead, and
        ``workflow.start_child`` does not wait. Cancelling the call cancels the child. Raises ChildError when the child
        ends without a result or is refused, InvalidInput and PayloadTooLarge for arguments.
        """
        calls = current_instance()
        if calls is not None and WORKFLOWS_RUN_INLINE_ON_REQUEST in calls.run.flags:
            return self._as_child(calls, args, kwargs)
        refuse_in_side_effect(self.name)
        return self.inline(*args, **kwargs)

    async def _as_child(self, calls: Calls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
        child = await children.start(calls, self._definition, args, kwargs)
        result: R = await children.result(calls, child)
        return result

    def options(
        self,
        *,
        id: str | None = None,
        parent_close: ParentClose | None = None,
        id_reuse: IdReuse | None = None,
        memo: Mapping[str, Any] | None = None,
        search_attributes: Mapping[str, SearchValue] | None = None,
        undo: bool | None = None,
    ) -> Workflow[P, R]:
        """The same workflow with other options as a child: ``await pay.options(id="pay-42")(order)``.

        ``id``: the child's workflow id, by default one of its own made of the parent's run and the step's number. When
        a run of it is open the child is refused. ``parent_close``: what becomes of the child when its parent ends
        first: it is terminated (the default), asked to stop ("request_cancel"), or goes on ("abandon"). ``id_reuse``:
        what happens when the newest run of the id has ended, by default "allow". ``memo`` and ``search_attributes``: as
        for a start; a child does not get its parent's by itself. ``undo``: False leaves what the child has done as it
        is when a saga that has started it rolls back, by default it is undone; a child that is abandoned is left in any
        case. Raises ConfigurationError, InvalidInput.
        """
        before, place = self._definition.child, caller()
        changed = replace(
            before,
            id=before.id if id is None else self._own_id(id, place),
            parent_close=checks.one_of(parent_close or before.parent_close, PARENT_CLOSE, "parent_close", place),
            id_reuse=checks.one_of(id_reuse or before.id_reuse, ID_REUSE, "id_reuse", place),
            memo=memo_bytes(memo, before.memo),
            search_attributes=search_of(search_attributes, before.search_attributes),
            undo=before.undo if undo is None else checks.flag(undo, "undo", place),
        )
        return type(self)(replace(self._definition, child=changed))

    def _own_id(self, id: object, place: str) -> str:
        child_id = checks.child_id(id, place)
        if (reserved := why_reserved(self.name, child_id)) is not None:
            raise ConfigurationError(f"{reserved} ({place})")
        return child_id

    def continue_as_new(self, *args: P.args, **kwargs: P.kwargs) -> NoReturn:
        """As ``workflow.continue_as_new``, with the arguments' types checked: inside of this workflow alone."""
        calls = require_instance("workflow.continue_as_new()")
        if calls.run.workflow.name != self.name:
            raise SagalineError(
                f"Expected {calls.run.workflow.name} to continue as itself but it is to continue as {self.name} "
                f"({caller()})."
            )
        continue_as_new(calls, args, kwargs)

    def inline(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Runs the function as a part of the workflow that calls it, as any function: ``await pay.inline(order)``.

        Its steps are the caller's. So whether they are undone is the caller's matter too: a ``@saga`` undoes all of
        its own steps when it fails, a ``@workflow`` undoes none, also those of a saga that it runs inline.
        Arguments are passed as they are, and defaults and types are not checked.
        """
        body: Coroutine[Any, Any, R] = self._definition.call(*args, **kwargs)
        return body


def definition_of_run(fn: Callable[..., Any]) -> WorkflowDefinition:
    """The run of a class that is not decorated yet. Raises ConfigurationError when it is no async method."""
    checks.require_function(fn, "@workflow.run")
    if not checks.is_method(fn) or not inspect.iscoroutinefunction(fn):
        raise ConfigurationError(
            f"Expected @workflow.run on an async method of a class but {fn.__qualname__} ({checks.place_of(fn)}) "
            f"is none."
        )
    return _definition(fn, fn.__qualname__, Options())


class RunMethod(Workflow[P, R]):
    """A method with ``@workflow.run``: ``client.start(Order.run, order, id=...)``. On an object it is the method."""

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """The workflow itself, or the method of an object."""
        return self if instance is None else MethodType(self._definition.fn, instance)


@dataclass(frozen=True)
class Options:
    """What ``@workflow`` and ``@saga`` may say."""

    name: str | None = None
    retention: Duration | None = None
    signals: Sequence[Signal[Any]] = ()
    failure_exception_types: Sequence[type[Exception]] = ()
    saga: SagaOptions | None = None
    concurrency: Key | Sequence[Key] | None = None
    rate: Rate | Sequence[Rate] | None = None
    outcomes: Outcomes | None = None
    is_system: bool = False
    """It is a workflow of the platform (``_system``)."""

    @property
    def is_for_workflows(self) -> bool:
        """Something is said that a part of a workflow cannot have."""
        limits = (self.concurrency, self.rate, self.outcomes)
        window = self.saga is not None and self.saga.undo_window_ms > 0
        return (
            window
            or (self.name, self.retention, *limits) != (None,) * 5
            or bool(self.signals or self.failure_exception_types)
        )

    @property
    def decorator(self) -> str:
        """As it is written."""
        return "@saga" if self.saga else "@workflow"


def define(subject: Any, options: Options) -> Any:
    """Makes a workflow of an async function or a class; raises ConfigurationError when it cannot be one."""
    if isinstance(subject, type):
        return _define_class(subject, options)
    return _define_function(subject, options)


def _define_class(cls: type, options: Options) -> type:
    """The class itself; its method that runs is the workflow."""
    runs: dict[str, RunMethod[Any, Any]] = {
        name: member
        for name, member in members_of(cls).items()
        if isinstance(member, RunMethod) and name != RUN_OF_CLASS
    }
    place = f"{cls.__module__}.{cls.__qualname__}"
    if len(runs) != 1:
        raise ConfigurationError(
            f"Expected one method of {place} to have @workflow.run but {', '.join(runs) or 'none'} "
            f"{'have' if runs else 'has'}."
        )
    ((attribute, run),) = runs.items()
    shown = _name(cls, options, place)
    definition = definition_of_class(
        cls, shown, run.definition, _definition(run.definition.fn, shown, options), _channels(options)
    )
    workflow_of_class: RunMethod[Any, Any] = RunMethod(definition)
    setattr(cls, attribute, workflow_of_class)
    setattr(cls, RUN_OF_CLASS, workflow_of_class)
    return cls


def _name(subject: Callable[..., Any], options: Options, place: str) -> str:
    name = checks.name_for(subject, options.name, place)
    if is_system(name) and not options.is_system:
        raise ConfigurationError(
            f"Expected the name of a workflow not to begin with {SYSTEM!r}, which is for the platform's own, but got "
            f"{name!r} ({place}): choose another."
        )
    return name


def _channels(options: Options) -> list[HandlerDefinition]:
    for signal in options.signals:
        if not isinstance(signal, Signal):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError(
                f"Expected signals to be a list of Signal objects but got {checks.shown(signal)} ({caller()})."
            )
    return [signal.definition for signal in options.signals]


def _definition(fn: Callable[..., Any], shown: str, options: Options) -> WorkflowDefinition:
    kept = options.retention
    retention_ms = None if kept is None else milliseconds(kept, f"retention of {shown} ({checks.place_of(fn)})")
    signature = Signature(fn, shown, is_method=checks.is_method(fn))
    failures = checks.exception_classes(
        options.failure_exception_types, f"failure_exception_types of {shown}", checks.place_of(fn)
    )
    place = checks.place_of(fn)
    flow = _flow(options, signature, shown, place)
    outcomes = options.outcomes or (BRIEF if options.saga else "")
    if outcomes:
        checks.one_of(outcomes, DETAILS, "outcomes", place)
    return WorkflowDefinition(
        shown, fn, signature, options.saga, retention_ms, failure_types=failures, flow=flow, outcomes=outcomes
    )


def _flow(options: Options, signature: Signature, shown: str, place: str) -> tuple[KeyedLimit, ...]:
    keys, rates = split(options.concurrency, Key, place), split(options.rate, Rate, place)
    if keys.of_worker is not None or rates.of_worker is not None:
        raise ConfigurationError(
            f"Expected a Key as concurrency of {shown}, and a Rate as its rate, for the whole namespace, but got "
            f"{checks.shown(keys.of_worker if rates.of_worker is None else rates.of_worker)} ({place})."
        )
    return keyed_limits(keys.of_namespace, rates.of_namespace, signature, shown, place)


def _define_function(fn: Callable[..., Any], options: Options) -> Workflow[Any, Any]:
    checks.require_function(fn, options.decorator)
    place = checks.place_of(fn)
    if checks.is_method(fn):
        raise ConfigurationError(
            f"Expected a workflow to be a function but {fn.__qualname__} ({place}) is a method: nothing keeps its "
            f"object while the run sleeps. Take what it needs as arguments, or put @staticmethod above."
        )
    shown = _name(fn, options, place)
    if not inspect.iscoroutinefunction(fn):
        raise ConfigurationError(f"Expected {shown} to be an async function (async def) but it is not ({place}).")
    handlers = handlers_of(_channels(options), shown)
    return Workflow(replace(_definition(fn, shown, options), handlers=handlers))


class Decorator:
    """``@workflow(...)`` or ``@saga(...)`` with its options, waiting for the function or the class."""

    def __init__(self, options: Options) -> None:
        self._options = options

    @overload
    def __call__(  # type: ignore[overload-overlap]  # of a class that is a coroutine: there is none
        self, subject: Callable[P, Coroutine[Any, Any, R]], /
    ) -> Workflow[P, R]: ...
    @overload
    def __call__(self, subject: type[C], /) -> type[C]: ...
    def __call__(self, subject: Any, /) -> Any:
        return define(subject, self._options)
