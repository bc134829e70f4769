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
from dataclasses import dataclass, replace
from typing import Any, Generic, ParamSpec, TypeVar, overload

from sagaline._model.failure import RetryPolicy
from sagaline._runtime.activities import ActivityInfo, ForwardStep
from sagaline._runtime.context import current_activity, current_instance
from sagaline._runtime.definitions import ActivityDefinition, ActivityOptions
from sagaline._runtime.durations import Duration, milliseconds
from sagaline._runtime.signatures import Signature
from sagaline.errors import ConfigurationError, SagalineError

__all__ = ["Activity", "ActivityInfo", "ForwardStep", "Retry", "activity"]

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")


@dataclass(frozen=True)
class Retry:
    """How attempts of an activity follow each other.

    ``attempts`` counts all of them; 0 means without end. The wait begins at ``first_interval``, grows by
    ``coefficient`` up to ``maximum_interval``, and is shortened by up to a tenth so that runs that failed
    together do not come back together. Errors whose type name is in ``non_retryable`` end the attempts at once.
    """

    attempts: int = 10
    first_interval: Duration = "1s"
    coefficient: float = 2.0
    maximum_interval: Duration = "60s"
    non_retryable: Sequence[str] = ()

    def policy(self) -> RetryPolicy:
        """The policy as data; raises ConfigurationError when it makes no sense."""
        if self.attempts < 0 or self.coefficient < 1:
            raise ConfigurationError(f"Expected attempts >= 0 and a coefficient >= 1 but got {self}.")
        return RetryPolicy(
            milliseconds(self.first_interval),
            float(self.coefficient),
            milliseconds(self.maximum_interval),
            self.attempts,
            tuple(self.non_retryable),
        )


_WITHOUT_END = RetryPolicy(attempts=0)


class Activity(Generic[P, R]):
    """A decorated function. In a workflow a call is durable; anywhere else it simply runs the function."""

    def __init__(self, definition: ActivityDefinition) -> None:
        self._definition = definition
        self.__doc__ = definition.fn.__doc__
        self.__name__ = definition.name

    @property
    def name(self) -> str:
        """The name under which it stands in history."""
        return self._definition.name

    @property
    def definition(self) -> ActivityDefinition:
        """What a worker registers."""
        return self._definition

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Calls it. In a workflow: raises ActivityError when it has failed for good."""
        instance = current_instance()
        if instance is not None:
            return instance.call(self._definition, args, kwargs)
        return self._run_here(args, kwargs)

    async def _run_here(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = self._definition.fn(*args, **kwargs)
        return await result if self._definition.is_async else result

    def options(self, *, timeout: Duration | None = None, retry: Retry | None = None) -> Activity[P, R]:
        """The same activity with other options, for one call: ``await ship.options(timeout="5m")(order)``."""
        changes: dict[str, Any] = {}
        if timeout is not None:
            changes["timeout_ms"] = milliseconds(timeout)
        if retry is not None:
            changes["retry"] = retry.policy()
        return Activity(self._definition.with_options(**changes))

    @overload
    def compensation(self, fn: Callable[Q, Coroutine[Any, Any, S]], /) -> Activity[Q, S]: ...
    @overload
    def compensation(self, fn: Callable[Q, S], /) -> Activity[Q, S]: ...
    @overload
    def compensation(
        self, /, *, name: str | None = None, timeout: Duration = "60s", retry: Retry | None = None
    ) -> _Decorator: ...
    def compensation(
        self,
        fn: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        timeout: Duration = "60s",
        retry: Retry | None = None,
    ) -> Any:
        """Declares the activity that undoes this one when a saga rolls back.

        It takes the arguments of the step and, if it has one parameter more, the step's result, or None when
        the step's outcome is unknown (``activity.info().compensates.outcome``). It is retried without end
        unless ``retry`` says otherwise. Raises ConfigurationError when its parameters do not fit.
        """

        def declare(undo: Callable[..., Any]) -> Activity[Any, Any]:
            policy = retry.policy() if retry else _WITHOUT_END
            definition = _define(undo, name, ActivityOptions(milliseconds(timeout), policy), ())
            taken, given = len(definition.signature.parameters), len(self._definition.signature.parameters)
            if taken not in (given, given + 1):
                raise ConfigurationError(
                    f"Expected {definition.name} to take the {given} arguments of {self.name}, and its result as "
                    f"one more if it wants it, but it takes {taken}."
                )
            self._definition = replace(self._definition, compensation=definition)
            return Activity(definition)

        return declare if fn is None else declare(fn)


def _define(
    fn: Callable[..., Any], name: str | None, options: ActivityOptions, refusals: tuple[type[BaseException], ...]
) -> ActivityDefinition:
    shown = name or fn.__name__
    return ActivityDefinition(shown, fn, Signature(fn, shown), inspect.iscoroutinefunction(fn), options, refusals)


class _Decorator:
    """``@activity(...)`` with its options, waiting for the function."""

    def __init__(
        self, name: str | None, options: ActivityOptions, refusals: tuple[type[BaseException], ...] = ()
    ) -> None:
        self._name, self._options, self._refusals = name, options, refusals

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> Activity[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> Activity[P, R]: ...
    def __call__(self, fn: Callable[..., Any], /) -> Activity[Any, Any]:
        return Activity(_define(fn, self._name, self._options, self._refusals))


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
        refusals: tuple[type[BaseException], ...] = (),
    ) -> _Decorator: ...
    def __call__(
        self,
        fn: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        timeout: Duration = "60s",
        retry: Retry | None = None,
        refusals: tuple[type[BaseException], ...] = (),
    ) -> Any:
        """Makes a function an activity.

        ``timeout`` bounds one attempt. ``refusals`` are errors by which the step says no and provably leaves no
        effect: they are not retried, and a saga has nothing to compensate for that step. An async function runs
        on the worker's event loop, an ordinary one in a thread.
        """
        options = ActivityOptions(milliseconds(timeout), (retry or Retry()).policy())
        decorator = _Decorator(name, options, refusals)
        return decorator if fn is None else decorator(fn)

    def info(self) -> ActivityInfo:
        """The running attempt: ids, attempt number, idempotency key, deadline. Raises SagalineError elsewhere."""
        found = current_activity.get(None)
        if found is None:
            raise SagalineError(
                "Expected activity.info() inside an activity that a worker runs but it was called outside."
            )
        return found


activity = _ActivityNamespace()
