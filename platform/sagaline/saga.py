"""Sagas: workflows that undo what they have done when they fail or are cancelled.

::

    @saga
    async def fulfil_order(order: Order) -> Receipt:
        reservation = await reserve_stock(order)
        payment = await charge_card(order)
        return await ship(order)

When a step fails for good, a time-out is let out, or the run is cancelled, the compensations of all steps that may have
had an effect run in reverse order of start. The run ends ``compensated``; a compensation that cannot be done parks it.
Before that, tasks that still run beside are cancelled: they may call a few activities to clean up, and may not sleep.
An exception that is no failure is a bug: it parks the run with nothing undone.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ParamSpec, TypeVar, overload

from sagaline._runtime.durations import Duration
from sagaline.declaring import Decorator, Options, Workflow, define
from sagaline.handlers import Signal

__all__ = ["saga"]

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")


@overload
def saga(  # type: ignore[overload-overlap]  # of a class that is a coroutine: there is none
    subject: Callable[P, Coroutine[Any, Any, R]], /
) -> Workflow[P, R]: ...
@overload
def saga(subject: type[C], /) -> type[C]: ...
@overload
def saga(
    *,
    name: str | None = None,
    retention: Duration | None = None,
    signals: Sequence[Signal[Any]] = (),
    failure_exception_types: Sequence[type[Exception]] = (),
) -> Decorator: ...
def saga(
    subject: Any = None,
    /,
    *,
    name: str | None = None,
    retention: Duration | None = None,
    signals: Sequence[Signal[Any]] = (),
    failure_exception_types: Sequence[type[Exception]] = (),
) -> Any:
    """Makes an async function a saga, or a class with a method that has ``@workflow.run``.

    ``retention``: how long its closed runs stay, else as the worker says. ``signals``: what it receives by
    ``Signal.receive``. ``failure_exception_types``: exceptions that roll the saga back, as an ApplicationError does;
    any other is a bug, and parks the run with nothing undone. Raises ConfigurationError.
    """
    options = Options(name, True, retention, signals, failure_exception_types)
    return Decorator(options) if subject is None else define(subject, options)
