"""What a workflow answers to while it runs.

A class has methods that handle signals::

    @workflow
    class Approval:
        def __init__(self) -> None:
            self.approved_by: str | None = None

        @workflow.signal
        def approve(self, name: str) -> None:
            self.approved_by = name

        @workflow.run
        async def run(self, document: str) -> str: ...

A function declares its signals beside it, and receives them::

    approved = Signal[str]("approved")

    @workflow(signals=[approved])
    async def approval(document: str) -> str:
        return await approved.receive()
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from types import MethodType
from typing import Any, Generic, TypeVar, TypeVarTuple, Unpack, get_args, overload

import msgspec

from sagaline._model.tokens import Token as TokenId
from sagaline._runtime import checks
from sagaline._runtime.carried import Misfit
from sagaline._runtime.codecs import codec_of
from sagaline._runtime.context import require_instance
from sagaline._runtime.frames import caller
from sagaline._runtime.handlers import DYNAMIC, QUERY, SIGNAL, UPDATE, HandlerDeclaration, HandlerDefinition
from sagaline._runtime.signatures import Signature
from sagaline.errors import ApplicationError, ConfigurationError, InvalidInput

__all__ = ["QueryHandler", "Signal", "SignalCall", "SignalHandler", "Token", "UpdateHandler"]

T = TypeVar("T")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
Ts = TypeVarTuple("Ts")


@dataclass(frozen=True)
class SignalCall:
    """A signal with its arguments, as ``Order.approve.of(...)`` and ``approved.of(...)`` make it."""

    signal: HandlerDeclaration
    args: tuple[Any, ...]


class SignalHandler(HandlerDeclaration, Generic[*Ts]):
    """A method with ``@workflow.signal``. ``handle.signal(Order.approve, ...)`` sends it; called on an object it is the
    method that was written."""

    def of(self, *args: *Ts) -> SignalCall:
        """The signal with these arguments, for a start: ``client.start(..., signal=Order.approve.of("Ann"))``."""
        return SignalCall(self, args)

    @overload
    def __get__(self, instance: None, owner: type) -> SignalHandler[*Ts]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Callable[[Unpack[Ts]], Any]: ...
    def __get__(self, instance: object, owner: type) -> Any:
        """The handler itself, or the method of an object."""
        return self if instance is None else MethodType(self._definition.fn, instance)


class QueryHandler(HandlerDeclaration, Generic[R_co, *Ts]):
    """A method with ``@workflow.query``. ``await handle.query(Order.status)`` asks it; called on an object it is the
    method that was written."""

    @overload
    def __get__(self, instance: None, owner: type) -> QueryHandler[R_co, *Ts]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Callable[[*Ts], R_co]: ...
    def __get__(self, instance: object, owner: type) -> Any:
        """The handler itself, or the method of an object."""
        return self if instance is None else MethodType(self._definition.fn, instance)


class UpdateHandler(HandlerDeclaration, Generic[R_co, *Ts]):
    """A method with ``@workflow.update``. ``await handle.execute_update(Order.add, item)`` calls it; called on an
    object it is the method that was written."""

    @overload
    def __get__(self, instance: None, owner: type) -> UpdateHandler[R_co, *Ts]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Callable[[*Ts], Any]: ...
    def __get__(self, instance: object, owner: type) -> Any:
        """The handler itself, or the method of an object."""
        return self if instance is None else MethodType(self._definition.fn, instance)

    def validator(self, fn: Callable[[Any, *Ts], None], /) -> Callable[[Any, *Ts], None]:
        """Makes a method the validator: it is called before the update is accepted, with the same arguments.

        What it raises refuses the update, and leaves nothing in the run's history. It changes nothing, and is not
        called in replay. Raises ConfigurationError when it cannot be one.
        """
        definition = self._definition
        validator = handler_of(fn, f"{UPDATE} validator", fn.__name__)
        taken = len(definition.signature.parameters)
        if validator.is_async or len(validator.signature.parameters) != taken or definition.validator is not None:
            raise ConfigurationError(
                f"Expected one validator of {definition.fn.__qualname__}, an ordinary method that takes the same "
                f"{taken} arguments, but got {fn.__qualname__} ({validator.place})."
            )
        self._definition = replace(definition, validator=fn)
        return fn


class UpdateDecorator:
    """``@workflow.update(...)`` with its options, waiting for the method."""

    def __init__(self, name: str | None) -> None:
        self._name = name

    @overload
    def __call__(self, fn: Callable[[Any, *Ts], Coroutine[Any, Any, R]], /) -> UpdateHandler[R, *Ts]: ...
    @overload
    def __call__(self, fn: Callable[[Any, *Ts], R], /) -> UpdateHandler[R, *Ts]: ...
    def __call__(self, fn: Callable[..., Any], /) -> Any:
        """The method as a handler. Raises ConfigurationError when it cannot be one."""
        handler: UpdateHandler[Any, *tuple[Any, ...]] = UpdateHandler(handler_of(fn, UPDATE, self._name))
        return handler


class QueryDecorator:
    """``@workflow.query(...)`` with its options, waiting for the method."""

    def __init__(self, name: str | None) -> None:
        self._name = name

    def __call__(self, fn: Callable[[Any, *Ts], R], /) -> QueryHandler[R, *Ts]:
        """The method as a handler. Raises ConfigurationError when it cannot be one."""
        definition = handler_of(fn, QUERY, self._name)
        if definition.is_async:
            raise ConfigurationError(
                f"Expected the query {fn.__qualname__} ({definition.place}) to be an ordinary function but it is "
                f"async: a query answers at once, from what the object knows."
            )
        return QueryHandler(definition)


class SignalDecorator:
    """``@workflow.signal(...)`` with its options, waiting for the method."""

    def __init__(self, name: str | None) -> None:
        self._name = name

    def __call__(self, fn: Callable[[Any, Unpack[Ts]], Coroutine[Any, Any, None] | None], /) -> SignalHandler[*Ts]:
        """The method as a handler. Raises ConfigurationError when it cannot be one."""
        return SignalHandler(handler_of(fn, SIGNAL, self._name))


def handler_of(fn: Callable[..., Any], kind: str, name: str | None) -> HandlerDefinition:
    """A method as the handler of messages of a name; DYNAMIC takes all names that have none of their own.

    Raises ConfigurationError when it is no method, or its types cannot be carried.
    """
    decorator = f"@workflow.{kind}"
    checks.require_function(fn, decorator)
    place = checks.place_of(fn)
    if not checks.is_method(fn):
        raise ConfigurationError(
            f"Expected {decorator} on a method of a class but {fn.__qualname__} ({place}) takes no self: a function "
            f"receives signals that are declared beside it, as in approved = Signal[str]('approved')."
        )
    shown = DYNAMIC if name == DYNAMIC else checks.name_for(fn, name or fn.__name__, place)
    signature = Signature(fn, fn.__qualname__, is_method=True)
    if shown == DYNAMIC and len(signature.parameters) != 2:
        raise ConfigurationError(
            f"Expected {fn.__qualname__} ({place}) to take the name and a list of the arguments, for it handles every "
            f"{kind} without a handler of its own, but it takes {len(signature.parameters)} parameters."
        )
    return HandlerDefinition(kind, shown, fn, signature, inspect.iscoroutinefunction(fn))


class Signal(HandlerDeclaration, Generic[T]):
    """A signal that a workflow's function receives, with its type: ``approved = Signal[Approval]("approved")``.

    Declare it beside the function and name it there: ``@workflow(signals=[approved])``. Signals wait, in the order in
    which they came, until the function receives them; what it has not received when it returns is handled by nobody.
    """

    def __init__(self, name: str) -> None:
        self._place = caller()
        if not isinstance(name, str) or not name.isprintable() or not name.strip():  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError(f"Expected a name of printable text but got {checks.shown(name)} ({self._place}).")
        self._name = name
        self._made: HandlerDefinition | None = None

    @property
    def name(self) -> str:
        """The name that messages have."""
        return self._name

    @property
    def definition(self) -> HandlerDefinition:
        """What a worker registers. Raises ConfigurationError when it has no type."""
        if self._made is None:
            kinds = get_args(getattr(self, "__orig_class__", None))
            if not kinds:
                raise ConfigurationError(
                    f"Expected the signal {self._name!r} ({self._place}) to have a type, as in "
                    f'Signal[str]("{self._name}").'
                )
            self._made = HandlerDefinition(SIGNAL, self._name, receive, _signature(kinds[0], self._name), False, True)
        return self._made

    def of(self, value: T) -> SignalCall:
        """The signal with this value, to be sent with a start: ``client.start(..., signal=approved.of("Ann"))``."""
        return SignalCall(self, (value,))

    async def receive(self) -> T:
        """The next signal, when it has come. One that is cancelled or times out takes none.

        Raises SagalineError outside of a workflow.
        """
        return await require_instance(f"{self._name}.receive()").mailbox.receive(self._name)  # type: ignore[no-any-return]

    def receive_nowait(self, default: T) -> T:
        """The next signal that has come; ``default`` when none has."""
        mailbox = require_instance(f"{self._name}.receive_nowait()").mailbox
        return mailbox.take(self._name) if mailbox.waiting(self._name) else default

    def waiting(self) -> int:
        """How many have come and were not received."""
        return require_instance(f"{self._name}.waiting()").mailbox.waiting(self._name)

    async def __aiter__(self) -> AsyncIterator[T]:
        """One after the other, without end."""
        while True:
            yield await self.receive()


class Token(Generic[T]):
    """A value that somebody outside gives: ``workflow.token(str)``. Hand its ``id`` on, then ``await token.result()``.

    A webhook, another service or a person resolves it by ``client.complete_token(id, value)``, or rejects it by
    ``client.reject_token(id, message)``: whoever comes first, once.
    """

    def __init__(self, kind: Any) -> None:
        calls = require_instance("workflow.token()")
        run = calls.run
        self._token = TokenId(run.workflow_id, run.identity, calls.mailbox.next_token())
        self._codec = codec_of(kind)
        self._outcome: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """What resolves it from outside; it says nothing secret, and is no proof of anything."""
        return self._token.id

    async def result(self) -> T:
        """The value, when somebody has given it; the same at every call.

        Raises ApplicationError, of the type that was given, when it was rejected; InvalidInput for one of another type.
        """
        if self._outcome is None:
            mailbox = require_instance("Token.result()").mailbox
            self._outcome = await mailbox.receive(self._token.signal)
        outcome = self._outcome or {}
        if "value" not in outcome:
            raise ApplicationError(str(outcome.get("message", "")), type=str(outcome.get("type") or "TokenRejected"))
        try:
            return self._codec.decode(msgspec.json.encode(outcome["value"]))  # type: ignore[no-any-return]
        except Misfit as misfit:
            raise InvalidInput(f"Expected the value of a token of its type but {misfit.text('value')}.") from misfit


def receive(value: Any) -> None:
    """What a signal of a function is called with."""


def _signature(kind: Any, name: str) -> Signature:
    def take(value: Any) -> None: ...

    take.__annotations__ = {"value": kind, "return": None}
    return Signature(take, f"signal {name}")
