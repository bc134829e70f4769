"""Whether a value arrives as it was sent, and in words why not."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
import pydantic
from pydantic_core import PydanticSerializationError

from sagaline._model.limits import DEPTH, cut
from sagaline._runtime.checks import shown

Problem = tuple[str, str]
"""Where in the value, as "order.items.0", or "" for the value itself; and what is wrong there."""

_PROBLEMS = 10
_TEXT_BYTES = 500
_WRITING = re.compile(
    r"Expected (?P<kind>.+?) - serialized value may not be as expected "
    r"\[(?:field_name='(?P<field>[^']*)', )?input_value=(?P<value>.*), input_type=(?P<type>[^,\]]+)\]"
)


class Misfit(Exception):
    """A value or JSON that does not fit a type."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems

    def text(self, name: str = "") -> str:
        """The problems in a sentence; ``name`` is that of the parameter."""
        lines = [f"{_joined(name, place) or 'the value'}: {text}" for place, text in self.problems[:_PROBLEMS]]
        more = len(self.problems) - _PROBLEMS
        return "; ".join([*lines, f"and {more} more"] if more > 0 else lines)


def _joined(place: str, step: object) -> str:
    return f"{place}.{step}" if place and step != "" else f"{place}{step}"


def problems_of(error: BaseException) -> list[Problem]:
    """What writing or reading found: pydantic's errors, msgspec's, or whatever code of the type raised."""
    if isinstance(error, pydantic.ValidationError):
        return [_problem(line) for line in error.errors(include_url=False, include_context=False)[: 2 * _PROBLEMS]]
    if isinstance(error, PydanticSerializationError):
        return _problems_of_writing(_text(error, 20 * _TEXT_BYTES))
    if isinstance(error, RecursionError):
        return [("", f"it is nested deeper than {DEPTH}")]
    text = _text(error)
    if isinstance(error, msgspec.MsgspecError):
        text, _, place = text.partition(" - at `$")
        return [(cut(place.rstrip("`").replace("[", ".").replace("]", "").lstrip("."), _TEXT_BYTES), text)]
    if isinstance(error, UnicodeError):
        return [("", text)]
    return [("", f"its code raised {type(error).__name__}: {text}")]


def _problem(line: Any) -> Problem:
    place = cut(".".join(str(part) for part in line["loc"]), _TEXT_BYTES)
    if line["type"] == "json_invalid":
        return place, cut(line["msg"], _TEXT_BYTES)
    return place, f"{cut(line['msg'], _TEXT_BYTES)}, got {shown(line['input'])}"


def _problems_of_writing(text: str) -> list[Problem]:
    """Values that are not of the declared types, or one line with advice where there is some."""
    problems = [
        (match["field"] or "", f"expected {match['kind'].strip('`')}, got {cut(match['value'], 100)} ({match['type']})")
        for match in _WRITING.finditer(text)
    ]
    if problems:
        return problems
    line = " ".join(text.split())
    if "Maximum serialization depth" in line:
        line = f"it is nested deeper than {DEPTH}"
    elif "Circular reference" in line:
        line = "it contains itself"
    elif "utf-8 sequence" in line:
        line = f"{line}: bytes are carried as text in UTF-8, others as pydantic.Base64Bytes"
    return [("", cut(line, _TEXT_BYTES))]


def _text(error: BaseException, limit: int = _TEXT_BYTES) -> str:
    try:
        return cut(str.__getitem__(str(error), slice(None)), limit)
    except BaseException:
        return "an error whose message cannot be shown"


def equal(sent: Any, arrived: Any) -> bool:
    """``==``, and False when that cannot be said."""
    try:
        return (sent == arrived) is True
    except BaseException:
        return False


def difference(sent: Any, arrived: Any, place: str = "", depth: int = 0) -> Problem | None:
    """The first place where what arrived is not what was sent, for values that are not equal as a whole.

    Looks into what has no ``==`` of its own. NaN is NaN; a model's private attributes are no part of its data.
    """
    if equal(sent, arrived):
        return None
    if type(sent) is not type(arrived) or depth > 2 * DEPTH:
        return place, _changed(sent, arrived)
    if _is(sent, float) and math.isnan(sent) and math.isnan(arrived):
        return None
    if _is(sent, datetime) and _same_instant(sent, arrived):
        return None
    if _is(sent, dict, list, tuple) and len(sent) != len(arrived):
        return place, _changed(sent, arrived)
    parts = _parts(sent)
    if parts is None:
        return place, _changed(sent, arrived)
    for step, part in parts:
        try:
            other = _part(arrived, step)
        except Exception:
            return _joined(place, step), "it would be lost"
        if (lost := difference(part, other, _joined(place, step), depth + 1)) is not None:
            return lost
    return None


def _same_instant(sent: datetime, arrived: datetime) -> bool:
    """In the hour that a zone has twice, Python holds no datetime equal to one of another zone."""
    return sent.utcoffset() == arrived.utcoffset() and sent.replace(tzinfo=None) == arrived.replace(tzinfo=None)


def _parts(value: Any) -> Iterator[tuple[Any, Any]] | None:
    """The parts by name or number; None for a value that is compared as a whole."""
    if _is(value, dict):
        return iter(list(value.items()))
    if _is(value, list, tuple):
        numbered: enumerate[Any] = enumerate(value)
        return numbered
    if isinstance(value, pydantic.BaseModel):
        return iter(
            [*((name, getattr(value, name)) for name in type(value).model_fields), ("model_extra", value.model_extra)]
        )
    if dataclasses.is_dataclass(value):
        return iter([(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)])
    if isinstance(value, msgspec.Struct):
        return iter([(name, getattr(value, name)) for name in value.__struct_fields__])
    if _compares_identity(type(value)):
        own: dict[str, Any] = getattr(value, "__dict__", {})
        return iter(own.items())
    return None


def _compares_identity(kind: Any) -> bool:
    return kind.__eq__ is object.__eq__


def _is(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds)


def _part(value: Any, step: Any) -> Any:
    return value[step] if _is(value, dict, list, tuple) else getattr(value, step)


def _changed(sent: Any, arrived: Any) -> str:
    if type(sent) is type(arrived):
        return f"{shown(sent)} would arrive as {shown(arrived)}"
    text = f"{shown(sent)} ({type(sent).__name__}) would arrive as {shown(arrived)} ({type(arrived).__name__})"
    if issubclass(type(sent), type(arrived)) and arrived is not None:
        return f"{text}: declare a union of the classes, with a discriminator"
    return f"{text}: declare its type, or convert it"
