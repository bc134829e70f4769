"""What a workflow answers to: its handlers of signals, as methods of its class or as channels of a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sagaline._model.limits import DEPTH, cut
from sagaline._model.tokens import PREFIX
from sagaline._runtime.carried import Misfit
from sagaline._runtime.checks import place_of
from sagaline._runtime.codecs import check_depth
from sagaline._runtime.signatures import Signature
from sagaline.errors import ConfigurationError, InvalidInput

DYNAMIC = ""
"""The name of the handler that is given what has no handler of its own."""
SIGNAL, QUERY, UPDATE = "signal", "query", "update"
Arguments = tuple[tuple[Any, ...], dict[str, Any]]
_values = msgspec.json.Decoder(list[Any]).decode


@dataclass(frozen=True, eq=False)
class HandlerDefinition:
    """A method that handles messages of a name. A channel has no method: the run's function asks for what has come.

    ``name`` is DYNAMIC for the one that is given all others, with their name and a list of their arguments.
    """

    kind: str
    name: str
    fn: Callable[..., Any]
    signature: Signature
    is_async: bool = False
    is_channel: bool = False
    validator: Callable[..., Any] | None = None

    @property
    def place(self) -> str:
        """File and line."""
        return place_of(self.fn)

    def arguments(self, name: str, payload: bytes) -> Arguments:
        """The arguments of a message, read as the handler takes them. Raises InvalidInput that names the field."""
        if self.name != DYNAMIC:
            return self.signature.decode_input(payload)
        try:
            if len(payload) > DEPTH:
                check_depth(payload)
            return (name, _values(payload)), {}
        except (Misfit, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            text = error.text("the arguments") if isinstance(error, Misfit) else str(error)
            raise InvalidInput(cut(f"Expected the arguments of {self.kind} {name!r} but {text}.")) from error


class HandlerDeclaration:
    """What stands in the user's class or module in place of the method: base of the public declarations."""

    def __init__(self, definition: HandlerDefinition) -> None:
        self._definition = definition
        self.__doc__ = definition.fn.__doc__
        self.__name__ = definition.name

    @property
    def name(self) -> str:
        """The name that messages have."""
        return self.definition.name

    @property
    def definition(self) -> HandlerDefinition:
        """What a worker registers."""
        return self._definition


def resolve(outcome: dict[str, Any]) -> None:
    """What resolves a token: ``{"value": ...}``, or ``{"type": ..., "message": ...}`` of a failure."""


_RESOLVE = Signature(resolve, "a token")


@dataclass(frozen=True, eq=False)
class Handlers:
    """The handlers of one workflow, by name."""

    signals: Mapping[str, HandlerDefinition] = field(default_factory=dict[str, HandlerDefinition])

    queries: Mapping[str, HandlerDefinition] = field(default_factory=dict[str, HandlerDefinition])

    def query(self, name: str) -> HandlerDefinition | None:
        """Who answers a query of that name."""
        return self.queries.get(name) or self.queries.get(DYNAMIC)

    updates: Mapping[str, HandlerDefinition] = field(default_factory=dict[str, HandlerDefinition])

    def update(self, name: str) -> HandlerDefinition | None:
        """Who handles an update of that name."""
        return self.updates.get(name) or self.updates.get(DYNAMIC)

    def signal(self, name: str) -> HandlerDefinition | None:
        """Who handles a signal of that name; of one that resolves a token, whoever waits for that."""
        if name.startswith(PREFIX):
            return HandlerDefinition(SIGNAL, name, resolve, _RESOLVE, is_channel=True)
        return self.signals.get(name) or self.signals.get(DYNAMIC)

    def all(self) -> Iterable[HandlerDefinition]:
        """All of them."""
        return [*self.signals.values(), *self.queries.values(), *self.updates.values()]


NO_HANDLERS = Handlers()


def names_of(handlers: Mapping[str, HandlerDefinition]) -> str:
    """Their names, for a message."""
    return ", ".join(sorted(name for name in handlers if name != DYNAMIC)) or "none"


def by_handler_name(handlers: Iterable[HandlerDefinition], workflow: str) -> dict[str, HandlerDefinition]:
    """Handlers of one kind by name; raises ConfigurationError when two share one."""
    named: dict[str, HandlerDefinition] = {}
    for handler in handlers:
        other = named.setdefault(handler.name, handler)
        if other is not handler:
            name = repr(handler.name) if handler.name != DYNAMIC else "all names"
            raise ConfigurationError(
                f"Expected one handler of {handler.kind} {name} in {workflow} but {other.place} and {handler.place} "
                f"both are."
            )
    return named
