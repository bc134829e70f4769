"""Arguments and results of one function as JSON, checked where they are made.

The arguments of a call are one JSON array in the order of the parameters, whether they were given by position
or by name, so that a worker in any language reads them alike. How a value stands in it, ``codecs`` says.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import msgspec

from sagaline._model.limits import DEPTH, cut
from sagaline._runtime.carried import Misfit
from sagaline._runtime.checks import place_of, shown
from sagaline._runtime.codecs import Codec, PlainCodec, check_depth, codec_of, whole_of
from sagaline._runtime.schemas import NoSchema, Undefined
from sagaline.errors import ConfigurationError, InvalidInput, InvalidOutput

_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


class _Codecs:
    """Those of one function; ``whole`` is that of all arguments at once, where there is one."""

    def __init__(self, parameters: list[inspect.Parameter], hints: dict[str, Any]) -> None:
        kinds = [hints.get(parameter.name, Any) for parameter in parameters]
        self.parameters: list[Codec] = []
        for parameter, kind in zip(parameters, kinds, strict=True):
            self.parameters.append(_codec(kind, f"parameter {parameter.name}"))
        self.output_kind = hints.get("return", Any)
        self.output = _codec(self.output_kind, "the result")
        self.whole = whole_of(tuple(kinds))


def _codec(kind: Any, what: str) -> Codec:
    try:
        return codec_of(kind)
    except NoSchema as error:
        raise NoSchema(f"{what} cannot: {error}") from error


class Signature:
    """The payloads of one function: how its arguments and its result are written and read.

    Raises ConfigurationError when its types cannot be carried, at decoration where they are known by then, and
    otherwise when a worker calls ``resolve``.
    """

    def __init__(self, fn: Callable[..., Any], name: str, *, is_method: bool = False) -> None:
        self._fn = fn
        self._name = name
        self._signature = inspect.signature(fn)
        if is_method:
            self._signature = self._signature.replace(parameters=list(self._signature.parameters.values())[1:])
        self.parameters = list(self._signature.parameters.values())
        for parameter in self.parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise ConfigurationError(
                    f"Expected {name} to name its parameters but it takes *{parameter.name} ({place_of(fn)})."
                )
        self._positional = all(parameter.kind is not parameter.KEYWORD_ONLY for parameter in self.parameters)
        self._known: _Codecs | None = None
        try:
            self.resolve()
        except Undefined:
            pass  # a class that is written further down; the worker asks again

    # Types

    def resolve(self) -> _Codecs:
        """The codecs, made once. Raises ConfigurationError, or Undefined when a name in the types is not there yet."""
        if self._known is not None:
            return self._known
        hints = self._hints()
        try:
            self._known = codecs = _Codecs(self.parameters, hints)
        except NoSchema as error:
            raise ConfigurationError(
                f"Expected the types of {self._name} ({place_of(self._fn)}) to be carried as JSON but {error}."
            ) from error
        self._check_defaults(codecs)
        return codecs

    def hint(self, parameter: str) -> Any:
        """The type of a parameter; None while it is not known."""
        try:
            return self._hints().get(parameter)
        except Undefined:
            return None

    def _hints(self) -> dict[str, Any]:
        try:
            return get_type_hints(self._fn, include_extras=True)
        except NameError as error:
            raise Undefined(str(error)) from error
        except Exception as error:  # an annotation is an expression, and may raise anything
            raise ConfigurationError(
                f"Expected the types of {self._name} ({place_of(self._fn)}) to be types but {cut(str(error), 200)}."
            ) from error

    def require(self) -> _Codecs:
        """As ``resolve``, but a name that is still not there is a ConfigurationError too."""
        try:
            return self.resolve()
        except Undefined as error:
            raise ConfigurationError(
                f"Expected the types of {self._name} ({place_of(self._fn)}) to be importable but {error}: define them "
                f"in the module, not in a function, and import them outside of TYPE_CHECKING."
            ) from error

    def _check_defaults(self, codecs: _Codecs) -> None:
        for parameter, codec in zip(self.parameters, codecs.parameters, strict=True):
            if parameter.default is not parameter.empty:
                try:
                    codec.encode(parameter.default)
                except Misfit as misfit:
                    self._known = None
                    raise ConfigurationError(
                        f"Expected the default of {parameter.name} in {self._name} ({place_of(self._fn)}) to be of its "
                        f"type but {misfit.text()}."
                    ) from misfit

    @property
    def is_plain(self) -> bool:
        """True when arguments are JSON's own types: no code of a type's author takes part in reading them."""
        return isinstance((self._known or self.require()).whole, PlainCodec)

    # Arguments

    def ordered(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The call's arguments in the order of the parameters, defaults filled in."""
        if not kwargs and self._positional and len(args) == len(self.parameters):
            return args
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InvalidInput(f"Expected the arguments of {self._name}{self._signature} but {error}.") from error
        bound.apply_defaults()
        return tuple(bound.arguments[parameter.name] for parameter in self.parameters)

    def encode_input(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """The arguments as a JSON array. Raises InvalidInput that names the parameter and the field."""
        codecs = self._known or self.require()
        values = args
        if kwargs or not self._positional or len(args) != len(self.parameters):
            values = self.ordered(args, kwargs)
        if codecs.whole is not None and (data := codecs.whole.encode_fast(values)) is not None:
            return data
        parts: list[bytes] = []
        for parameter, codec, value in zip(self.parameters, codecs.parameters, values, strict=True):
            try:
                parts.append(codec.encode(value))
            except Misfit as misfit:
                raise self._invalid(misfit.text(parameter.name)) from misfit
        data = b"[" + b",".join(parts) + b"]"  # what equals without ==, or beside a Struct
        if len(data) > DEPTH:
            try:
                check_depth(data)
            except Misfit as misfit:
                raise self._invalid(misfit.text("the arguments")) from misfit
        return data

    def decode_input(self, data: bytes) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments for the function; trailing ones that are missing take their defaults.

        Raises InvalidInput that names the parameter and the field.
        """
        codecs = self._known or self.require()
        values = None
        if codecs.whole is not None:
            values = codecs.whole.decode_fast(data)
        if values is None:
            values = self._decode_each(data, codecs)
        if self._positional:
            return values, {}
        pairs = list(zip(self.parameters, values, strict=True))
        positional = tuple(value for parameter, value in pairs if parameter.kind is not parameter.KEYWORD_ONLY)
        return positional, {
            parameter.name: value for parameter, value in pairs if parameter.kind is parameter.KEYWORD_ONLY
        }

    def _decode_each(self, data: bytes, codecs: _Codecs) -> tuple[Any, ...]:
        parts = self._parts(data)
        values: list[Any] = []
        for parameter, codec, part in zip(self.parameters, codecs.parameters, parts, strict=False):
            try:
                values.append(codec.decode(bytes(part)))
            except Misfit as misfit:
                raise self._invalid(misfit.text(parameter.name)) from misfit
        values += [parameter.default for parameter in self.parameters[len(parts) :]]
        return tuple(values)

    def _parts(self, data: bytes) -> list[msgspec.Raw]:
        """The JSON of each argument that is there; raises InvalidInput when they are too many or too few."""
        try:
            check_depth(data)
            parts = _split(data)
        except Misfit as misfit:
            raise self._invalid(misfit.text("the arguments")) from misfit
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise self._invalid(f"it is no JSON array: {cut(str(error), 200)}") from error
        names = ", ".join(parameter.name for parameter in self.parameters) or "none"
        if len(parts) > len(self.parameters):
            raise self._invalid(f"there are {len(parts)} arguments where {len(self.parameters)} are taken ({names})")
        missing = [p.name for p in self.parameters[len(parts) :] if p.default is p.empty]
        if missing:
            raise self._invalid(
                f"there are {len(parts)} arguments where {len(self.parameters)} are taken ({names}): "
                f"{', '.join(missing)} must be given"
            )
        return parts

    def _invalid(self, problem: str) -> InvalidInput:
        return InvalidInput(cut(f"Expected the input of {self._name} but {problem}."))

    def accepts_null(self, number: int) -> bool:
        """Whether a parameter takes null, or its type is not known yet."""
        try:
            if self._known is not None:
                self._known.parameters[number].decode(b"null")
        except Misfit:
            return False
        return True

    # The result

    def check_output(self, value: Any) -> bytes:
        """The result as JSON, if it is of the declared type. Raises InvalidOutput that names the value and field."""
        codecs = self._known or self.require()
        try:
            return codecs.output.encode(value)
        except Misfit as misfit:
            raise unfit_output(self._name, codecs.output_kind, value, misfit) from misfit

    def decode_output(self, data: bytes) -> Any:
        """The result; raises InvalidInput when it does not fit the declared type."""
        try:
            if len(data) > DEPTH and data.count(b"[") + data.count(b"{") > DEPTH:
                check_depth(data)
            return (self._known or self.require()).output.decode(data)
        except Misfit as misfit:
            raise InvalidInput(cut(f"Expected the result of {self._name} but {misfit.text()}.")) from misfit


def write_output(name: str, kind: Any, codec: Codec, value: Any) -> bytes:
    """What a function has returned as JSON. Raises InvalidOutput that names the value and field."""
    try:
        return codec.encode(value)
    except Misfit as misfit:
        raise unfit_output(name, kind, value, misfit) from misfit


def unfit_output(name: str, kind: Any, value: Any, misfit: Misfit) -> InvalidOutput:
    """The error for what a function has returned."""
    return InvalidOutput(
        cut(f"Expected {name} to return {_type_shown(kind)} but it returned {shown(value)}: {misfit.text()}.")
    )


def _type_shown(kind: Any) -> str:
    name = kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", "")
    return "None" if kind is type(None) else cut(name, 200)
