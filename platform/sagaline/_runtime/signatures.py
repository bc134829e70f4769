"""Arguments and results as JSON: validated by pydantic, or by msgspec where it can. Never pickle.

The arguments of a call are one JSON array in the order of the parameters, whether they were given by position
or by name, so that a worker in any language reads them alike.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cached_property
from types import UnionType
from typing import Any, Protocol, Union, get_args, get_origin, get_type_hints

import msgspec
import pydantic
from pydantic_core import PydanticSerializationError, to_jsonable_python

from sagaline.errors import ConfigurationError, InvalidInput


class Unserialisable(TypeError):
    """A value that cannot be written as the JSON of its declared type."""


class _Codec(Protocol):
    def encode(self, value: Any) -> bytes: ...

    def decode(self, data: bytes) -> Any: ...

    def check(self, value: Any) -> Any: ...


class _Pydantic:
    def __init__(self, kind: Any) -> None:
        adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(kind)
        # the adapter's own methods cost more than the work that they pass on
        self._to_json = adapter.serializer.to_json
        self._from_json = adapter.validator.validate_json
        self._from_python = adapter.validator.validate_python

    def encode(self, value: Any) -> bytes:
        try:
            return self._to_json(value, warnings="error")
        except (PydanticSerializationError, UnicodeEncodeError, ValueError) as error:
            raise Unserialisable(str(error)) from error

    def decode(self, data: bytes) -> Any:
        try:
            return self._from_json(data)
        except pydantic.ValidationError as error:
            raise InvalidInput(_explain(error)) from error

    def check(self, value: Any) -> Any:
        try:
            return self._from_python(value)
        except pydantic.ValidationError as error:
            raise InvalidInput(_explain(error)) from error


class _Msgspec:
    def __init__(self, kind: Any) -> None:
        self._decoder = msgspec.json.Decoder(kind)
        self._encoder = msgspec.json.Encoder(enc_hook=to_jsonable_python)

    def encode(self, value: Any) -> bytes:
        try:
            return self._encoder.encode(value)
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
            raise Unserialisable(str(error)) from error

    def decode(self, data: bytes) -> Any:
        try:
            return self._decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise InvalidInput(_place_first(str(error))) from error

    def check(self, value: Any) -> Any:
        return self.decode(self.encode(value))


def _explain(error: pydantic.ValidationError) -> str:
    lines: list[str] = []
    for one in error.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in one["loc"]) or "the value"
        shown = repr(one["input"])
        lines.append(f"{where}: {one['msg']}, got {shown if len(shown) < 80 else shown[:77] + '...'}")
    return "; ".join(lines)


def _place_first(message: str) -> str:
    """msgspec's "Expected X - at `$[0].name`" as "0.name: Expected X", as pydantic's errors are shown."""
    text, _, place = message.partition(" - at `$")
    shown = place.rstrip("`").replace("[", ".").replace("]", "").lstrip(".")
    return f"{shown or 'the value'}: {text}"


_PLAIN = (Any, str, int, float, bool, None, type(None), dict, list, tuple, Union, UnionType)


def _is_plain(kind: Any) -> bool:
    """JSON's own types and no others: what msgspec reads and writes several times faster than pydantic."""
    return (get_origin(kind) or kind) in _PLAIN and all(one is ... or _is_plain(one) for one in get_args(kind))


def _has_struct(kind: Any) -> bool:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return True
    return any(_has_struct(inner) for inner in get_args(kind))


def _codec(kind: Any) -> _Codec:
    return _Msgspec(kind) if _is_plain(kind) or _has_struct(kind) else _Pydantic(kind)


class Signature:
    """The payloads of one function: how its arguments and its result are written and read."""

    def __init__(self, fn: Callable[..., Any], name: str, *, is_method: bool = False) -> None:
        self._fn = fn
        self._name = name
        self._signature = inspect.signature(fn)
        if is_method:
            self._signature = self._signature.replace(parameters=list(self._signature.parameters.values())[1:])
        self.parameters = list(self._signature.parameters.values())
        for one in self.parameters:
            if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
                raise ConfigurationError(f"Expected {name} to name its parameters but it takes *{one.name}.")
        self._positional = all(one.kind is not one.KEYWORD_ONLY for one in self.parameters)

    @cached_property
    def _hints(self) -> dict[str, Any]:
        try:
            return get_type_hints(self._fn)
        except NameError as error:
            raise ConfigurationError(f"Expected the types of {self._name} to be importable but {error}.") from error

    @cached_property
    def _input(self) -> _Codec:
        kinds = tuple(self._hints.get(one.name, Any) for one in self.parameters)
        return _codec(tuple.__class_getitem__(kinds))

    @cached_property
    def _output(self) -> _Codec:
        return _codec(self._hints.get("return", Any))

    def ordered(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The call's arguments in the order of the parameters, defaults filled in."""
        if not kwargs and self._positional and len(args) == len(self.parameters):
            return args
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InvalidInput(f"Expected the arguments of {self._name}{self._signature} but {error}.") from error
        bound.apply_defaults()
        return tuple(bound.arguments[one.name] for one in self.parameters)

    def encode_input(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """The arguments as a JSON array; raises Unserialisable or InvalidInput."""
        return self._input.encode(self.ordered(args, kwargs))

    def check_input(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """As ``encode_input``, but arguments are validated first; raises InvalidInput that names the field."""
        try:
            return self._input.encode(self._input.check(self.ordered(args, kwargs)))
        except InvalidInput as error:
            raise InvalidInput(f"Expected the input of {self._name} but {self._by_name(str(error))}.") from error

    def decode_input(self, data: bytes) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments for the function; raises InvalidInput that names the field."""
        try:
            values: tuple[Any, ...] = self._input.decode(data)
        except InvalidInput as error:
            raise InvalidInput(f"Expected the input of {self._name} but {self._by_name(str(error))}.") from error
        if self._positional:
            return values, {}
        pairs = list(zip(self.parameters, values, strict=True))
        positional = tuple(value for one, value in pairs if one.kind is not one.KEYWORD_ONLY)
        return positional, {one.name: value for one, value in pairs if one.kind is one.KEYWORD_ONLY}

    def encode_output(self, value: Any) -> bytes:
        """The result as JSON; raises Unserialisable."""
        try:
            return self._output.encode(value)
        except Unserialisable as error:
            kind = self._hints.get("return", Any)
            shown = getattr(kind, "__name__", str(kind))
            raise Unserialisable(
                f"Expected {self._name} to return a {shown} that can be written as JSON "
                f"but it returned {type(value).__name__}: {error}"
            ) from error

    def decode_output(self, data: bytes) -> Any:
        """The result; raises InvalidInput when it does not fit the declared type."""
        try:
            return self._output.decode(data)
        except InvalidInput as error:
            raise InvalidInput(f"Expected the result of {self._name} but {error}.") from error

    def _by_name(self, message: str) -> str:
        """Argument numbers at the head of a message's places become parameter names."""
        parts = message.split("; ")
        for number, one in enumerate(self.parameters):
            head = str(number)
            parts = [
                one.name + part[len(head) :] if part.startswith((f"{head}.", f"{head}:")) else part for part in parts
            ]
        return "; ".join(parts)
