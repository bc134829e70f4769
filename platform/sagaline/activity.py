"""Activities: functions that may do anything. Attempts may repeat; every one is given the same idempotency key.

::

    @activity(timeout="10s", refusals=(OutOfStock,))
    async def reserve_stock(order: Order) -> Reservation: ...

    @reserve_stock.compensation
    async def release_stock(order: Order, reservation: Reservation | None) -> None: ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Concatenate, Generic, NamedTuple, ParamSpec, TypeVar, Unpack, overload

from sagaline._model.activities import RETRIABLE
from sagaline._model.failure import RetryPolicy
from sagaline._runtime import checks
from sagaline._runtime.activities import ActivityInfo, ForwardStep
from sagaline._runtime.context import current_activity, current_instance, refuse_in_side_effect
from sagaline._runtime.definitions import ActivityDefinition, ActivityOptions, Declaration
from sagaline._runtime.durations import Duration
from sagaline._runtime.frames import caller
from sagaline._runtime.retries import Retry, placed_milliseconds, policy_of
from sagaline._runtime.signatures import Signature
from sagaline._runtime.step_classes import ClassOptions, class_of
from sagaline.errors import ConfigurationError, SagalineError

__all__ = ["Activity", "ActivityInfo", "ForwardStep", "Retry", "activity"]

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")


_DEFAULT = Retry().policy()
_WITHOUT_END = RetryPolicy(attempts=0)


class Unsaid:
    """The default of an option whose None says something."""


UNSAID = Unsaid()


class Activity(Declaration[ActivityDefinition], Generic[P, R]):
    """A decorated function. In a workflow a call is durable; anywhere else it simply runs the function.

    A method is an activity of its class: workflow code calls ``Payments.charge(order)``, a worker is given the method
    of an object, ``Worker(activities=[Payments(pool).charge])``, and the name in history is "Payments.charge".
    """

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Calls it. In a workflow: raises ActivityError when it has failed for good."""
        instance = current_instance()
        if instance is not None:
            return instance.call(self._definition, args, kwargs)
        refuse_in_side_effect(self.name)
        return self._run_here(args, kwargs)

    async def _run_here(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._definition.is_method and self._definition.receiver is None:
            raise SagalineError(
                f"Expected {self.name} to be called on an object, or in a workflow, but it was called through its "
                f"class outside of one."
            )
        result = self._definition.fn(*args, **kwargs)
        return await result if self._definition.is_async else result

    @overload
    def __get__(self: Activity[Concatenate[Any, Q], S], instance: None, owner: type, /) -> Activity[Q, S]: ...
    @overload
    def __get__(
        self: Activity[Concatenate[Any, Q], S], instance: object, owner: type | None = None, /
    ) -> Activity[Q, S]: ...
    def __get__(self, instance: object | None, owner: type | None = None, /) -> Activity[Any, Any]:
        """The activity of an object; through the class, the one that workflow code calls."""
        if instance is None or not self._definition.is_method:
            return self
        return Activity(self._definition.bound(instance))

    def options(
        self,
        *,
        timeout: Duration | None = None,
        retry: Retry | None = None,
        queue: str | None = None,
        compensation: Activity[..., Any] | Unsaid | None = UNSAID,
        **classes: Unpack[ClassOptions],
    ) -> Activity[P, R]:
        """The same activity with other options, for one call: ``await ship.options(timeout="5m")(order)``.

        ``timeout`` bounds one attempt. ``queue`` is the task queue whose workers run it. What undoes it stays the same,
        also when that is declared later, unless ``compensation`` is another activity, or None for none. ``read_only``,
        ``irreversible``, ``pivot`` and ``retriable`` give the step another class. Raises ConfigurationError.
        """
        place = caller()
        changes: dict[str, Any] = {}
        if timeout is not None:
            changes["timeout_ms"] = placed_milliseconds(timeout, "timeout", place)
        if retry is not None:
            changes["retry"] = policy_of(retry, _WITHOUT_END, place)
        if queue is not None:
            changes["queue"] = checks.queue_name(queue, place)
        if (kind := class_of(classes, place)) is not None:
            changes["kind"] = kind
        definition = self._definition.with_options(**changes)
        if not isinstance(compensation, Unsaid):
            definition = definition.undone_by(definition_of_undo(compensation, place))
        return Activity(definition)

    @overload
    def compensation(self, fn: Callable[Q, Coroutine[Any, Any, S]], /) -> Activity[Q, S]: ...
    @overload
    def compensation(self, fn: Callable[Q, S], /) -> Activity[Q, S]: ...
    @overload
    def compensation(
        self,
        /,
        *,
        name: str | None = None,
        timeout: Duration = "60s",
        retry: Retry | None = None,
        queue: str | None = None,
    ) -> _Decorator: ...
    def compensation(
        self,
        fn: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        timeout: Duration = "60s",
        retry: Retry | None = None,
        queue: str | None = None,
    ) -> Any:
        """Declares the activity that undoes this one when a saga rolls back.

        It takes the arguments of the step and, if it has one parameter more, the step's result, or None when
        the step's outcome is unknown (``activity.info().compensates.outcome``). It is retried without end
        unless ``retry`` says otherwise. ``queue`` is the task queue whose workers run it; without one it runs where
        the saga does, also when the step runs elsewhere. Raises ConfigurationError when its parameters do not fit.
        """

        place = caller()
        options = _options(timeout, policy_of(retry, _WITHOUT_END, place), queue, place)

        def declare(undo: Callable[..., Any]) -> Activity[Any, Any]:
            definition = _define(undo, f"@{self.name}.compensation", name, options, _Errors())
            return Activity(self._definition.link.declare(self._definition, definition))

        return declare if fn is None else declare(fn)

    def fallback(self, fn: Callable[Q, Coroutine[Any, Any, S]], /) -> Activity[Q, S]:
        """Declares what takes the place of this compensation when it has failed for good; it is called as that is.

        It is retried without end, unless it has failed for good too: then it waits for a person. Raises
        ConfigurationError when its parameters do not fit, and for an activity that is no compensation.
        """
        if not self._definition.link.undoes:
            raise ConfigurationError(
                f"Expected a fallback of a compensation but {self.name} ({self._definition.place}) is none: declare "
                f"what undoes it with @{self.name}.compensation."
            )
        return self.compensation(fn)


def definition_of_undo(undo: object, place: str) -> ActivityDefinition | None:
    """What a call says undoes it. Raises ConfigurationError."""
    if undo is None:
        return None
    if not isinstance(undo, Activity):
        raise ConfigurationError(
            f"Expected compensation to be an activity, or None, but got {checks.shown(undo)} ({place})."
        )
    return undo.definition  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]


def _options(timeout: Duration, retry: RetryPolicy, queue: str | None, place: str) -> ActivityOptions:
    timeout_ms = placed_milliseconds(timeout, "timeout", place)
    return ActivityOptions(timeout_ms, retry, "" if queue is None else checks.queue_name(queue, place))


class _Errors(NamedTuple):
    """What an activity says of its errors."""

    refusals: tuple[type[Exception], ...] = ()
    retry_if: Callable[[Exception], bool] | None = None


def _define(
    fn: Callable[..., Any],
    decorator: str,
    name: str | None,
    options: ActivityOptions,
    errors: _Errors,
) -> ActivityDefinition:
    checks.require_function(fn, decorator)
    place = checks.place_of(fn)
    shown, is_method = checks.name_for(fn, name, place), checks.is_method(fn)
    signature = Signature(fn, shown, is_method=is_method)
    return ActivityDefinition(
        shown,
        fn,
        signature,
        inspect.iscoroutinefunction(fn),
        options,
        errors.refusals,
        errors.retry_if,
        is_method=is_method,
    )


class _Decorator:
    """``@activity(...)`` with its options, waiting for the function."""

    def __init__(self, name: str | None, options: ActivityOptions, errors: _Errors) -> None:
        self._name, self._options, self._errors = name, options, errors

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> Activity[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> Activity[P, R]: ...
    def __call__(self, fn: Callable[..., Any], /) -> Activity[Any, Any]:
        return Activity(_define(fn, "@activity", self._name, self._options, self._errors))


class _ActivityNamespace:
    """``activity``: the decorator, and what an activity may ask while it runs."""

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> Activity[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> Activity[P, R]: ...
    @overload
    def __call__(
        self,
        /,
        *,
        name: str | None = None,
        timeout: Duration = "60s",
        retry: Retry | None = None,
        queue: str | None = None,
        refusals: Sequence[type[Exception]] = (),
        retry_if: Callable[[Exception], bool] | None = None,
        **classes: Unpack[ClassOptions],
    ) -> _Decorator: ...
    def __call__(
        self,
        fn: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        timeout: Duration = "60s",
        retry: Retry | None = None,
        queue: str | None = None,
        refusals: Sequence[type[Exception]] = (),
        retry_if: Callable[[Exception], bool] | None = None,
        **classes: Unpack[ClassOptions],
    ) -> Any:
        """Makes a function an activity.

        ``timeout`` bounds one attempt. ``queue`` is the task queue whose workers run it (``Worker(queue="gpu")``);
        without one it runs where its workflow does. ``refusals`` are errors by which the step says no and provably
        leaves no effect: they are not retried, and a saga has nothing to compensate for that step. ``retry_if`` is
        asked about every other error that its retry policy would retry: False ends the attempts. It runs in the worker
        that has run the attempt, and a predicate that raises counts as True. An async function runs on the worker's
        event loop, an ordinary one in a thread.

        ``read_only``, ``irreversible``, ``pivot`` and ``retriable`` say what the step is for a saga (docs/sagas.md);
        without one it is undone by its compensation. Raises ConfigurationError.
        """
        place = caller()
        kind = class_of(classes, place) or ""
        policy = policy_of(retry, _WITHOUT_END if kind == RETRIABLE else _DEFAULT, place)
        options = replace(_options(timeout, policy, queue, place), kind=kind)
        errors = _Errors(
            checks.exception_classes(refusals, "refusals", place), checks.predicate(retry_if, "retry_if", place)
        )
        decorator = _Decorator(name, options, errors)
        return decorator if fn is None else decorator(fn)

    def info(self) -> ActivityInfo:
        """The running attempt: ids, attempt number, idempotency key, deadline. Raises SagalineError elsewhere."""
        attempt = current_activity.get(None)
        if attempt is None:
            raise SagalineError(
                "Expected activity.info() inside an activity that a worker runs but it was called outside."
            )
        return attempt()


activity = _ActivityNamespace()
