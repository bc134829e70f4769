"""Sagas: workflows, or parts of one, that undo what they have done when they fail or are cancelled.

::

    @saga
    async def fulfil_order(order: Order) -> Receipt:
        reservation = await reserve_stock(order)
        async with saga(parallel=True):  # undoes its own steps when it fails
            await asyncio.gather(print_label(order), wrap_gift(order))
        payment = await charge_card(order)
        return await ship(order)

When a step fails for good, a time-out is let out, or the run is cancelled, the compensations of all steps that may have
had an effect run in reverse order of start. The run ends ``compensated``; a compensation that cannot be done waits for
a person. Before that, tasks that still run beside are cancelled: they may call a few activities to clean up, and may
not sleep. An exception that is no failure is a bug: it parks the run with nothing undone.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, overload

from sagaline._model.limits import UNDONE_AT_A_TIME
from sagaline._runtime.checks import flag, shown, whole_number
from sagaline._runtime.context import current_instance
from sagaline._runtime.definitions import SagaOptions
from sagaline._runtime.durations import Duration, milliseconds
from sagaline._runtime.flow.keys import Key, Rate
from sagaline._runtime.frames import caller
from sagaline._runtime.sagas import blocks
from sagaline._runtime.sagas.scopes import Scope
from sagaline.declaring import Decorator, Options, Outcomes, Workflow, define
from sagaline.errors import ConfigurationError, SagalineError
from sagaline.handlers import Signal

__all__ = ["SagaScope", "Savepoint", "saga"]

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")


@dataclass(frozen=True)
class Savepoint:
    """A place in a saga that it can be rolled back to."""

    scope: int
    step: int


class SagaScope:
    """What ``async with saga() as scope`` gives."""

    def __init__(self, scope: Scope | None) -> None:
        self._scope = scope

    def savepoint(self) -> Savepoint:
        """This place, for ``roll_back_to``. Raises SagalineError outside of the workflow."""
        calls, scope = self._running("savepoint")
        return Savepoint(scope.number, calls.table.count)

    async def roll_back_to(self, savepoint: Savepoint) -> None:
        """Undoes the steps that were called since, newest first, and goes on; those before stay.

        A step that is under way is waited for. It is not cancelled half way. Raises SagalineError when the scope has
        ended or its pivot is done, ConfigurationError for a savepoint of another scope.
        """
        calls, scope = self._running("roll_back_to")
        if not isinstance(savepoint, Savepoint) or savepoint.scope != scope.number:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError(
                f"Expected a savepoint of this scope, from its savepoint(), but got {shown(savepoint)} ({caller()})."
            )
        await blocks.roll_back_to(calls, scope, savepoint.step)

    def _running(self, method: str) -> tuple[Any, Scope]:
        calls = current_instance()
        if calls is None or self._scope is None:
            raise SagalineError(f"Expected {method}() in a workflow that a worker runs but it was called outside.")
        return calls, self._scope


class Saga(Decorator):
    """``saga(...)``: a decorator, and a block. Each ``async with`` of it is a scope of its own."""

    def __init__(self, options: Options, parallel: bool | None, limit: int, strict: bool) -> None:
        super().__init__(options)
        self._parallel, self._limit, self._strict = parallel, limit, strict

    async def __aenter__(self) -> SagaScope:
        """Begins a scope: the steps that are called in the block, and in tasks that are made in it, are its own."""
        if self._options.is_for_workflows:
            raise ConfigurationError(
                f"Expected name, retention, undo_window, signals, failure_exception_types, concurrency, rate and "
                f"outcomes at @saga alone but got one of them at `async with saga(...)` ({caller()})."
            )
        calls = current_instance()
        if calls is None:
            return SagaScope(None)
        return SagaScope(await blocks.enter(calls, self._parallel, self._limit, self._strict))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends it. With a failure or a cancellation, what its steps have done is undone before that goes on."""
        calls = current_instance()
        if calls is not None:
            await blocks.leave(calls, error)


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
    concurrency: Key | Sequence[Key] | None = None,
    rate: Rate | Sequence[Rate] | None = None,
    outcomes: Outcomes | None = None,
    parallel: bool | None = None,
    limit: int = 0,
    strict: bool = False,
    undo_window: Duration | None = None,
) -> Saga: ...
def saga(
    subject: Any = None,
    /,
    *,
    name: str | None = None,
    retention: Duration | None = None,
    signals: Sequence[Signal[Any]] = (),
    failure_exception_types: Sequence[type[Exception]] = (),
    concurrency: Key | Sequence[Key] | None = None,
    rate: Rate | Sequence[Rate] | None = None,
    outcomes: Outcomes | None = None,
    parallel: bool | None = None,
    limit: int = 0,
    strict: bool = False,
    undo_window: Duration | None = None,
) -> Any:
    """Makes an async function a saga, or a class with a method that has ``@workflow.run``; or a part of any workflow or
    handler: ``async with saga():``.

    A part undoes its own steps when a failure or a cancellation leaves it, and lets that out. When it ends well, its
    steps are those of the saga around it, if there is one.

    Arguments:
        parallel: steps that ran beside each other are undone beside each other. By default one after the other, in a
            part as in the saga around it.
        limit: how many of those at a time: 100 by default (0), 1,000 at most.
        strict: each step has to say what becomes of its effect: a compensation, or read_only, irreversible, pivot or
            retriable. Else the call is a bug, which parks the run.
        retention: how long closed runs stay, else as the worker says. (Of @saga alone, as those that follow.)
        undo_window: for so long, from its end on, a run that has completed can be undone (``handle.saga.undo``): it
            stays so much longer than ``retention`` says. By default it can be undone for as long as it stays.
        signals: what it receives by ``Signal.receive``.
        failure_exception_types: exceptions that roll the saga back, as an ApplicationError does; any other is a bug,
            and parks the run with nothing undone.
        concurrency, rate: how many sagas may be under way, and begin, in the whole namespace, as for @workflow.
        outcomes: what ``client.outcomes()`` tells of its runs: "brief", which is the default, leaves out texts that
            people or programs have written, such as messages of failures; "full" has them.

    Raises ConfigurationError.
    """
    if subject is not None:
        return define(subject, Options(saga=SagaOptions()))
    place = caller()
    for what, value in (("parallel", parallel or False), ("strict", strict)):
        flag(value, what, place)
    limit = whole_number(limit, "limit", 0, 10 * UNDONE_AT_A_TIME, place)
    window_ms = 0 if undo_window is None else milliseconds(undo_window, f"undo_window of a saga ({place})")
    how = SagaOptions(bool(parallel), limit, strict, window_ms)
    options = Options(name, retention, signals, failure_exception_types, how, concurrency, rate, outcomes)
    return Saga(options, parallel, limit, strict)
