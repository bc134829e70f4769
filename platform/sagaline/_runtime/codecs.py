"""How a value of a declared type stands as JSON. Never pickle.

Three codecs: msgspec for JSON's own types (several times faster), pydantic for everything else, msgspec for its
Structs. One rule for all of them:

- a Python value has to be equal to one of the declared type: what is written is read back and compared, so that
  nothing is lost without a word (unless its exact types say that it arrives, ``exact``);
- JSON is converted as pydantic's JSON mode does, whatever stands beside it: "5" is read as an int.
"""

from __future__ import annotations

import re
from types import UnionType
from typing import Annotated, Any, Protocol, Union, get_args, get_origin

import msgspec
from pydantic_core import to_jsonable_python

from sagaline._model.limits import DEPTH
from sagaline._runtime import exact
from sagaline._runtime.carried import Misfit, difference, equal, problems_of
from sagaline._runtime.schemas import adapter_of, check_schema


class Codec(Protocol):
    """Contract: both methods raise Misfit and nothing else, whatever code of the type's author does."""

    def encode(self, value: Any) -> bytes:
        """The value as JSON, after it was seen to come back as it is."""
        ...

    def decode(self, data: bytes) -> Any:
        """The value."""
        ...


class PydanticCodec:
    """Models, dataclasses and all that pydantic knows."""

    def __init__(self, kind: Any) -> None:
        adapter = adapter_of(kind)
        check_schema(adapter.core_schema)
        # the adapter's own methods cost more than the work that they pass on
        self._to_json = adapter.serializer.to_json
        self._from_json = adapter.validator.validate_json

    def encode(self, value: Any) -> bytes:
        try:
            # a round trip leaves computed fields out; they are computed again
            data = self._to_json(value, round_trip=True, warnings=False)
            arrived = self._from_json(data, by_alias=True, by_name=True)
            if (arrived == value) is not True and (lost := difference(value, arrived)) is not None:
                raise Misfit([lost])
        except Misfit:
            raise
        except BaseException as error:
            raise Misfit(problems_of(error)) from None
        if len(data) > DEPTH:
            check_depth(data)
        return data

    def encode_fast(self, value: Any) -> bytes | None:
        """The value as JSON; None when it does not come back equal, for whatever reason."""
        try:
            data = self._to_json(value, round_trip=True, warnings=False)
            if self._from_json(data, by_alias=True, by_name=True) != value:
                return None
            if len(data) > DEPTH and data.count(b"[") + data.count(b"{") > DEPTH:
                check_depth(data)
        except BaseException:  # the slow way tells what it is
            return None
        return data

    def decode(self, data: bytes) -> Any:
        try:
            return self._from_json(data, by_alias=True, by_name=True)
        except BaseException as error:
            raise Misfit(problems_of(error)) from None

    def decode_fast(self, data: bytes) -> Any:
        """The value; None when it does not fit, for whatever reason."""
        try:
            if len(data) > DEPTH and data.count(b"[") + data.count(b"{") > DEPTH:
                check_depth(data)
            return self._from_json(data, by_alias=True, by_name=True)
        except BaseException:
            return None


class PlainCodec:
    """JSON's own types. What msgspec does not take, pydantic reads or explains."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(kind).decode
        self._arrives = exact.test_of(kind)
        self._lax: PydanticCodec | None = None

    def encode(self, value: Any) -> bytes:
        return self.encode_fast(value) or self._slow().encode(value)

    def encode_fast(self, value: Any) -> bytes | None:
        """The value as JSON; None when it does not come back as it is from msgspec, for whatever reason."""
        encode, decode = self._encode, self._decode  # called through self they cost twice as much
        try:
            data = encode(value)
            if self._arrives(value):
                return data
            if decode(data) != value:
                return None
            if len(data) > DEPTH and data.count(b"[") + data.count(b"{") > DEPTH:
                check_depth(data)
        except BaseException:  # of an object that is no JSON; what it is, the slow way tells
            return None
        return data

    def decode(self, data: bytes) -> Any:
        try:
            return self._decode(data)
        except BaseException:
            return self._slow().decode(data)

    def decode_fast(self, data: bytes) -> Any:
        """The value; None when msgspec does not take it as it is."""
        decode = self._decode
        try:
            if len(data) > DEPTH and data.count(b"[") + data.count(b"{") > DEPTH:
                check_depth(data)
            return decode(data)
        except (Misfit, msgspec.MsgspecError, UnicodeError, RecursionError):
            return None

    def _slow(self) -> PydanticCodec:
        if self._lax is None:
            self._lax = PydanticCodec(self._kind)
        return self._lax


class StructCodec:
    """msgspec's Structs, alone or in containers, and what pydantic knows inside them."""

    def __init__(self, kind: Any) -> None:
        self._encode = msgspec.json.Encoder(enc_hook=to_jsonable_python).encode
        self._decode = msgspec.json.Decoder(kind, strict=False, dec_hook=_decode_inside).decode

    def encode(self, value: Any) -> bytes:
        try:
            data = self._encode(value)
        except BaseException as error:
            raise Misfit(problems_of(error)) from None
        check_depth(data)
        arrived = self.decode(data)
        if not equal(value, arrived) and (lost := difference(value, arrived)) is not None:
            raise Misfit([lost])
        return data

    def decode(self, data: bytes) -> Any:
        try:
            return self._decode(data)
        except BaseException as error:
            raise Misfit(problems_of(error)) from None


def _decode_inside(kind: type, value: Any) -> Any:
    return adapter_of(kind).validator.validate_json(msgspec.json.encode(value), by_alias=True, by_name=True)


_PLAIN = (Any, str, int, float, bool, None, type(None), dict, list, tuple, Union, UnionType)


def whole_of(kinds: tuple[Any, ...]) -> PlainCodec | PydanticCodec | None:
    """The codec of all arguments of a call; None where they have to be carried one by one, beside Structs."""
    whole = tuple.__class_getitem__(kinds)
    if is_plain(whole):
        return PlainCodec(whole)
    return None if any(map(is_of_msgspec, kinds)) else PydanticCodec(whole)


def is_plain(kind: Any) -> bool:
    """JSON's own types and no others: what msgspec reads and writes several times faster than pydantic."""
    return (get_origin(kind) or kind) in _PLAIN and all(inner is ... or is_plain(inner) for inner in get_args(kind))


def is_of_msgspec(kind: Any) -> bool:
    """A Struct, or constraints of msgspec's, somewhere in the type."""
    cls = get_origin(kind) or kind  # the class of a generic Struct
    if isinstance(cls, type) and issubclass(cls, msgspec.Struct):
        return True
    if get_origin(kind) is Annotated and any(isinstance(note, msgspec.Meta) for note in get_args(kind)[1:]):
        return True
    return any(is_of_msgspec(inner) for inner in get_args(kind))


def codec_of(kind: Any) -> Codec:
    """The codec of a type. Raises NoSchema when there is none, and Undefined when a name in it is not there yet."""
    if is_plain(kind):
        return PlainCodec(kind)
    return StructCodec(kind) if is_of_msgspec(kind) else PydanticCodec(kind)


_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)  # one without an end goes to the end
_OTHERS = bytes(set(range(256)) - set(b'"[]{}'))


def check_depth(data: bytes) -> None:
    """Raises Misfit for JSON nested deeper than the bound, before anything that recurses reads it.

    Only C code looks at every byte: what is no bracket or quote is dropped, then strings, then level after level.
    (Where every payload goes through, its first look stands by itself: too few brackets open to be nested that deep.)
    """
    if data.count(b"[") + data.count(b"{") <= DEPTH:
        return
    if b"\\" in data:
        data = _STRINGS.sub(b"", data)
    brackets = data.translate(None, _OTHERS)
    if len(brackets) <= DEPTH:
        return
    brackets = brackets.replace(b'""', b"")  # strings without brackets, or the end of one and the beginning of the next
    if b'"' in brackets:
        brackets = b"".join(brackets.split(b'"')[::2])
    for _ in range(DEPTH):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b".").replace(b"{}", b".").translate(None, b".")
    if brackets:
        raise Misfit([("", f"it is nested deeper than {DEPTH}, or its brackets do not match")])
