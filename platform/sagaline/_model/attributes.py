"""What a run is given for its readers: a memo, which nobody looks into, and search attributes, by which it is found."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sagaline._model import limits

STR, INT, FLOAT, BOOL, DATETIME, LIST = "str", "int", "float", "bool", "datetime", "list"
KINDS = (STR, INT, FLOAT, BOOL, DATETIME, LIST)


class SearchAttribute(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A search attribute of a run. ``value``: of a str itself, of a list (of str) its JSON, of a datetime RFC 3339 in
    UTC, of the others as JSON has them."""

    name: str
    kind: str
    value: str


class AttributesGiven(msgspec.Struct, frozen=True, gc=False):
    """What the run is given with its start beside its input. It stands behind RunStarted."""

    memo: bytes
    search_attributes: tuple[SearchAttribute, ...]
    version: int = 1


class MemoChanged(msgspec.Struct, frozen=True, gc=False):
    """The code has changed the run's memo; all of it, for what is sealed cannot be merged."""

    memo: bytes
    version: int = 1


class SearchAttributesChanged(msgspec.Struct, frozen=True, gc=False):
    """The code has changed the run's search attributes; all of them."""

    search_attributes: tuple[SearchAttribute, ...]
    version: int = 1


def matches(attributes: Sequence[SearchAttribute], wanted: Sequence[SearchAttribute]) -> bool:
    """Whether a run with these attributes has all that are wanted: equal ones, and a str that a list has."""
    by_name = {attribute.name: attribute for attribute in attributes}
    return all(_equals(by_name.get(attribute.name), attribute) for attribute in wanted)


def _equals(attribute: SearchAttribute | None, wanted: SearchAttribute) -> bool:
    if attribute is None:
        return False
    if attribute.kind == wanted.kind:
        return attribute.value == wanted.value
    if attribute.kind == LIST and wanted.kind == STR:
        return wanted.value in msgspec.json.decode(attribute.value, type=list[str])
    numbers = {INT, FLOAT}
    return {attribute.kind, wanted.kind} == numbers and float(attribute.value) == float(wanted.value)


def unfit_attributes(memo: bytes, attributes: Sequence[SearchAttribute]) -> str | None:
    """What is wrong with attributes that another program has written, or None."""
    if len(memo) > 2 * limits.MEMO_BYTES:  # sealed
        return f"Expected a memo of at most {limits.MEMO_BYTES:,} bytes but it has {len(memo):,}"
    if len(attributes) > limits.SEARCH_ATTRIBUTES:
        return f"Expected at most {limits.SEARCH_ATTRIBUTES} search attributes but there are {len(attributes):,}"
    total = sum(limits.size(attribute.name) + limits.size(attribute.value) for attribute in attributes)
    if total > limits.SEARCH_ATTRIBUTES_BYTES:
        return f"Expected search attributes of at most {limits.SEARCH_ATTRIBUTES_BYTES:,} bytes but they have {total:,}"
    for attribute in attributes:
        if not is_readable(attribute):
            return f"Expected search attribute {limits.cut(attribute.name, 100)!r} to be a value of its kind"
    return None


def is_readable(attribute: SearchAttribute) -> bool:
    """Whether the text is a value of the kind."""
    kinds = {STR: str, INT: int, FLOAT: float, BOOL: bool, DATETIME: str, LIST: list[str]}
    if attribute.kind in (STR, DATETIME):
        return True
    try:
        msgspec.json.decode(attribute.value, type=kinds[attribute.kind])
    except (KeyError, msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return True
