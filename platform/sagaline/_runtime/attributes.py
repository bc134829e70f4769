"""Memos and search attributes: what somebody gives, checked and as it is recorded; and as code and readers see it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast

import msgspec
import pydantic_core

from sagaline._model import limits
from sagaline._model.attributes import BOOL, DATETIME, FLOAT, INT, LIST, STR, SearchAttribute
from sagaline._runtime.carried import Misfit
from sagaline._runtime.checks import shown
from sagaline._runtime.codecs import check_depth
from sagaline.errors import InvalidInput, PayloadTooLarge

SearchValue: TypeAlias = str | int | float | bool | datetime | Sequence[str]
"""What a search attribute may be."""
_NUMBERS = range(-(2**63), 2**63)


def memo_bytes(memo: Mapping[str, Any] | None, before: bytes = b"") -> bytes:
    """A memo as it is recorded, with what was there before; None as a value removes. Raises InvalidInput,
    PayloadTooLarge."""
    items = _items("memo", memo)
    if not items:
        return before
    changed = memo_of(before)
    for name, value in items.items():
        _check_name("a memo's key", name, limits.NAME_BYTES)
        changed.pop(name, None)
        if value is not None:
            changed[name] = msgspec.Raw(_json(name, value))
    if len(changed) > limits.MEMO_KEYS:
        raise InvalidInput(f"Expected a memo of at most {limits.MEMO_KEYS} keys but it has {len(changed)}.")
    data = msgspec.json.encode(changed) if changed or before else b""
    if len(data) > limits.MEMO_BYTES:
        raise PayloadTooLarge(
            f"Expected a memo of at most {limits.MEMO_BYTES:,} bytes of JSON but it has {len(data):,}: store the data, "
            f"and keep a reference to it."
        )
    return data


def _json(name: str, value: Any) -> bytes:
    try:
        data = pydantic_core.to_json(value, inf_nan_mode="strings")
        check_depth(data)
    except Misfit as misfit:
        raise InvalidInput(f"Expected memo {name!r} to be a value of JSON but {misfit.text()}.") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"Expected memo {name!r} to be a value of JSON but {limits.cut(str(error), 200)}."
        ) from error
    return data


def memo_of(data: bytes) -> dict[str, Any]:
    """A memo as code and readers see it: values of JSON."""
    return msgspec.json.decode(data, type=dict[str, Any]) if data else {}


def search_of(
    values: Mapping[str, SearchValue | None] | None, before: Sequence[SearchAttribute] = ()
) -> tuple[SearchAttribute, ...]:
    """Search attributes as they are recorded, with those from before; None as a value removes one. Raises
    InvalidInput."""
    items = _items("search_attributes", values)
    if not items:
        return tuple(before)
    changed = {attribute.name: attribute for attribute in before}
    for name, value in items.items():
        _check_name("the name of a search attribute", name, limits.SEARCH_NAME_BYTES)
        known = changed.pop(name, None)
        if value is not None:
            changed[name] = _attribute(name, value)
            if known is not None and known.kind != changed[name].kind:
                raise InvalidInput(
                    f"Expected search attribute {name!r} to stay a {known.kind} but got {shown(value)}: remove it "
                    f"(None) before it is of another type, or choose another name."
                )
    if len(changed) > limits.SEARCH_ATTRIBUTES:
        raise InvalidInput(
            f"Expected at most {limits.SEARCH_ATTRIBUTES} search attributes of a run but there are {len(changed)}."
        )
    attributes = tuple(changed[name] for name in sorted(changed))
    total = sum(limits.size(attribute.name) + limits.size(attribute.value) for attribute in attributes)
    if total > limits.SEARCH_ATTRIBUTES_BYTES:
        raise InvalidInput(
            f"Expected search attributes of at most {limits.SEARCH_ATTRIBUTES_BYTES:,} bytes but they have {total:,}: "
            f"what need not be found goes into the memo."
        )
    return attributes


def values_of(attributes: Sequence[SearchAttribute]) -> dict[str, SearchValue]:
    """Search attributes as code and readers see them."""
    return {attribute.name: _value(attribute) for attribute in attributes}


def _attribute(name: str, value: Any) -> SearchAttribute:
    kind, text = _kind_and_text(name, value)
    if (size := limits.size(text)) > limits.SEARCH_VALUE_BYTES:
        raise InvalidInput(
            f"Expected search attribute {name!r} to have at most {limits.SEARCH_VALUE_BYTES:,} bytes but it has "
            f"{size:,}."
        )
    return SearchAttribute(name, kind, text)


def _kind_and_text(name: str, value: Any) -> tuple[str, str]:
    if isinstance(value, bool):
        return BOOL, "true" if value else "false"
    if isinstance(value, str):
        return STR, _text(name, value)
    if isinstance(value, int) and value in _NUMBERS:
        return INT, str(int(value))
    if isinstance(value, float) and math.isfinite(value):
        return FLOAT, repr(float(value))
    if isinstance(value, datetime) and value.tzinfo is not None:
        return DATETIME, value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, list | tuple):
        items = cast("Sequence[Any]", value)
        if all(isinstance(item, str) for item in items):
            return LIST, msgspec.json.encode([_text(name, item) for item in items]).decode()
    raise InvalidInput(
        f"Expected search attribute {name!r} to be a str, an int of 64 bits, a finite float, a bool, a datetime with a "
        f"time zone or a list of str but got {shown(cast('object', value))}."
    )


def _text(name: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"Expected search attribute {name!r} to be text in UTF-8 but {error}.") from error
    return str(value)


def _value(attribute: SearchAttribute) -> SearchValue:
    if attribute.kind == STR:
        return attribute.value
    if attribute.kind == DATETIME:
        return datetime.fromisoformat(attribute.value)
    return cast("SearchValue", msgspec.json.decode(attribute.value))


def _items(what: str, values: Any) -> Mapping[str, Any]:
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise InvalidInput(f"Expected {what} to be a mapping of names to values but got {shown(values)}.")
    return cast("Mapping[str, Any]", values)


def _check_name(what: str, name: Any, most: int) -> None:
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or limits.size(name) > most:
        raise InvalidInput(f"Expected {what} to be 1 to {most} bytes of printable text but got {shown(name)}.")
