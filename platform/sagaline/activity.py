"""Activities: functions that may do anything. Attempts may repeat; every one is given the same idempotency key.

::

    @activity(timeout="10s", refusals=(OutOfStock,))
    async def reserve_stock(order: Order) -> Reservation: ...

    @reserve_stock.compensation
    async def release_stock(order: Order, reservation: Reservation | None) -> None: ...
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Concatenate, Generic, NoReturn, ParamSpec, TypeVar, Unpack, overload

from sagaline._runtime import checks
from sagaline._runtime.activities import ActivityInfo, CompleteLater, ForwardStep, RunningAttempt
from sagaline._runtime.attempt_options import (
    FORWARD,
    UNDO,
    CallOptions,
    DefinitionOptions,
    UndoOptions,
    attempt_options,
    require_known,
)
from sagaline._runtime.context import current_activity, current_instance, refuse_in_side_effect
from sagaline._runtime.declared import Declared, Errors, fairness_of, flow_at_call
from sagaline._runtime.definitions import ActivityDefinition, Declaration
from sagaline._runtime.flow.keys import Key, Rate
from sagaline._runtime.flow.steps import call
from sagaline._runtime.frames import caller
from sagaline._runtime.heartbeats import decode_details, encode_details
from sagaline._runtime.retries import Retry
from sagaline.errors import ConfigurationError, SagalineError

__all__ = ["Activity", "ActivityInfo", "ForwardStep", "Key", "Rate", "Retry", "activity"]

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")


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
        return activity_of(self._definition.bound(instance))

    def options(
        self, *, compensation: Activity[..., Any] | Unsaid | None = UNSAID, **options: Unpack[CallOptions]
    ) -> Activity[P, R]:
        """The same activity with other options, for one call: ``await ship.options(timeout="5m")(order)``.

        They are ``timeout``, ``start_timeout``, ``total_timeout``, ``heartbeat_timeout``, ``retry``, ``on_exhausted``
        and ``queue``, as for ``@activity``; ``concurrency`` and ``rate`` as a Key and a Rate, or an empty list for
        none. What undoes it stays the same, also when that is declared later, unless
        ``compensation`` is another activity, or None for none. ``read_only``, ``irreversible``, ``pivot`` and
        ``retriable`` give the step another class. Raises ConfigurationError.
        """
        place = caller()
        require_known(options, CallOptions, "a call", place)
        definition = replace(
            self._definition,
            options=attempt_options(options, self._definition.options, place),
            flow=flow_at_call(options, self._definition, place),
        )
        if (path := options.get("fairness_key")) is not None:
            definition = replace(definition, fairness=fairness_of(path, definition.signature, self.name, place))
        if not isinstance(compensation, Unsaid):
            definition = definition.undone_by(definition_of_undo(compensation, place))
        return activity_of(definition)

    @overload
    def compensation(self, fn: Callable[Q, Coroutine[Any, Any, S]], /) -> Activity[Q, S]: ...
    @overload
    def compensation(self, fn: Callable[Q, S], /) -> Activity[Q, S]: ...
    @overload
    def compensation(self, /, **options: Unpack[UndoOptions]) -> _Decorator: ...
    def compensation(self, fn: Callable[..., Any] | None = None, /, **options: Unpack[UndoOptions]) -> Any:
        """Declares the activity that undoes this one when a saga rolls back.

        It takes the arguments of the step and, if it has one parameter more, the step's result, or None when
        the step's outcome is unknown (``activity.info().compensates.outcome``). It is retried without end
        unless ``retry`` says otherwise. The options are those of ``@activity``; without a ``queue`` it runs where the
        saga does, also when the step runs elsewhere. Raises ConfigurationError when its parameters do not fit.
        """
        place = caller()
        require_known(options, UndoOptions, "a compensation", place)
        declared = Declared(options, UNDO, Errors(), place)

        def declare(undo: Callable[..., Any]) -> Activity[Any, Any]:
            definition = declared.define(undo, f"@{self.name}.compensation")
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


class LimitedActivity(Activity[P, R]):
    """One with limits of the namespace, or a fairness key: in a workflow a call looks at them first. All others know
    nothing of that."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Calls it. In a workflow: raises ActivityError when it has failed for good."""
        instance = current_instance()
        return super().__call__(*args, **kwargs) if instance is None else call(instance, self._definition, args, kwargs)


def activity_of(definition: ActivityDefinition) -> Activity[Any, Any]:
    """What stands for a definition in the user's code."""
    is_plain = not definition.flow and definition.fairness is None
    return Activity(definition) if is_plain else LimitedActivity(definition)


def definition_of_undo(undo: object, place: str) -> ActivityDefinition | None:
    """What a call says undoes it. Raises ConfigurationError."""
    if undo is None:
        return None
    if not isinstance(undo, Activity):
        raise ConfigurationError(
            f"Expected compensation to be an activity, or None, but got {checks.shown(undo)} ({place})."
        )
    return undo.definition  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]


class _Decorator:
    """``@activity(...)`` with its options, waiting for the function."""

    def __init__(self, declared: Declared) -> None:
        self._declared = declared

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> Activity[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> Activity[P, R]: ...
    def __call__(self, fn: Callable[..., Any], /) -> Activity[Any, Any]:
        return activity_of(self._declared.define(fn, "@activity"))


class _ActivityNamespace:
    """``activity``: the decorator, and what an activity may ask while it runs."""

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> Activity[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> Activity[P, R]: ...
    @overload
    def __call__(self, /, **options: Unpack[DefinitionOptions]) -> _Decorator: ...
    def __call__(self, fn: Callable[..., Any] | None = None, /, **options: Unpack[DefinitionOptions]) -> Any:
        """Makes a function an activity. An async function runs on the worker's event loop, an ordinary one in a thread.

        Options:
            name: in history; by default the function's own.
            timeout: how long one attempt may take, from when it begins; by default 60 s.
            start_timeout: how long an attempt may wait for a slot, from when it is due; by default for ever.
            total_timeout: how long all attempts and the waits between them may take; by default as long as they do.
            heartbeat_timeout: how far apart an attempt's heartbeats (``activity.heartbeat``) may be.
            retry: how attempts follow each other, a Retry.
            on_exhausted: "fail", or "park": it waits for a person when it has failed for good.
            queue: the task queue whose workers run it (``Worker(queue="gpu")``); by default it runs where its workflow
                does.
            executor: "process" for an ordinary function that computes for long: it runs in a process of its own.
            concurrency, rate: how many attempts of it a worker runs at once, and begins in a time, such as "100/s"; a
                ``Key`` or a ``Rate`` holds in the whole namespace, and is asked for before the step is scheduled
                (docs/flow-control.md). A list has several.
            priority: 1 to 5; where attempts wait for a worker, and steps for limits, those of lower numbers go first.
            fairness_key: a parameter, or a field in it: attempts of different values take turns.
            read_only, irreversible, pivot, retriable: what the step is for a saga (docs/sagas.md); without one it is
                undone by its compensation. A retriable one is retried without end.
            refusals: errors by which the step says no and provably leaves no effect: they are not retried, and a saga
                has nothing to compensate for that step.
            retry_if: asked about every other error that its retry policy would retry: False ends the attempts. It runs
                in the worker that has run the attempt, and a predicate that raises counts as True.

        Raises ConfigurationError.
        """
        place = caller()
        require_known(options, DefinitionOptions, "@activity", place)
        errors = Errors(
            checks.exception_classes(options.get("refusals", ()), "refusals", place),
            checks.predicate(options.get("retry_if"), "retry_if", place),
        )
        decorator = _Decorator(Declared(options, FORWARD, errors, place))
        return decorator if fn is None else decorator(fn)

    def info(self) -> ActivityInfo:
        """The running attempt: ids, attempt number, idempotency key, deadline. Raises SagalineError elsewhere."""
        return _running("activity.info()").info()

    def heartbeat(self, *details: Any) -> None:
        """Says that the attempt is alive, and how far it has come: the next attempt is given the details of the last
        heartbeat. Call it as often as you like: few are recorded.

        ``details``: values that JSON can carry, 16,000 bytes in all; without any, those of before stay. Raises
        InvalidInput, PayloadTooLarge, and SagalineError outside of an activity.
        """
        _running("activity.heartbeat()").heartbeat(encode_details(details) if details else None)

    def heartbeat_details(self, kind: type[S], /) -> S | None:
        """What an attempt before this one said last, as a value of the type; None when none has said anything.

        Of a heartbeat with several details the type is a tuple: ``heartbeat_details(tuple[int, str])``. Raises
        InvalidInput when they are of another type, and SagalineError outside of an activity.
        """
        data = _running("activity.heartbeat_details()").details
        return None if data is None else decode_details(data, kind)

    @property
    def is_cancelled(self) -> bool:
        """True when the attempt should stop: it is cancelled, its time is over, or nobody waits for it any more. Raises
        SagalineError outside of an activity."""
        return _running("activity.is_cancelled").is_cancelled

    def shielded(self) -> AbstractContextManager[None]:
        """In a thread: ``with activity.shielded():`` keeps cancellation out of a block; it comes at its end. Async code
        has ``asyncio.shield``. Raises SagalineError elsewhere."""
        return _running("activity.shielded()").shielded()

    def complete_later(self) -> NoReturn:
        """Ends the function, whose outcome somebody outside gives by ``activity.info().token``: see
        ``Client.complete_activity``. The attempt's time-outs go on. Write it where the function would return.

        Raises SagalineError outside of an activity.
        """
        _running("activity.complete_later()")
        raise CompleteLater


def _running(what: str) -> RunningAttempt:
    attempt = current_activity.get(None)
    if attempt is None:
        raise SagalineError(f"Expected {what} inside an activity that a worker runs but it was called outside.")
    return attempt


activity = _ActivityNamespace()
