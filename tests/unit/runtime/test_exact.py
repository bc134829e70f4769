"""What is not read back surely arrives: the quick tests of exact types hold for whatever they say yes to."""

from __future__ import annotations

import enum
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagaline._runtime.exact import test_of as quick_test_of  # pytest takes what is named so for a test


class Word(str):
    pass


class Color(enum.IntEnum):
    RED = 1


_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.floats(), st.just(Word("w")), st.just(Color.RED)
)
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers(), st.just(Word("k"))), inner, max_size=3),
    ),
    max_leaves=6,
)
_kinds: list[Any] = [
    Any,
    str,
    int,
    bool,
    None,
    str | None,
    int | str,
    dict,
    dict[str, Any],
    dict[str, int],
    dict[str, int | None],
    list,
    list[Any],
    list[str],
    tuple[str, int],
    tuple[dict[str, Any]],
    tuple[Any, dict[str, bool]],
    tuple[()],
    tuple[int, ...],
    float,
    list[list[int]],
]


@pytest.mark.parametrize("kind", _kinds, ids=str)
@given(value=st.one_of(_values, st.tuples(_values), st.tuples(_values, _values)))
def test_what_a_quick_test_takes_is_read_as_it_was_written(kind: Any, value: Any) -> None:
    if not quick_test_of(kind)(value):
        return
    try:
        data = msgspec.json.encode(value)
    except (OverflowError, UnicodeError, TypeError, msgspec.MsgspecError):
        return  # told by writing it
    arrived = msgspec.json.decode(data, type=kind)
    assert arrived == value
    assert _types(arrived) == _types(value)


def _types(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: (type(key), _types(inner)) for key, inner in value.items()}
    return [type(value), *map(_types, value)] if isinstance(value, list | tuple) else type(value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (dict[str, Any], {"id": "o-1", "qty": 3, "gift": False, "note": None}),
        (tuple[dict[str, Any]], ({"id": "o-1"},)),
        (tuple[str, int], ("o-1", 3)),
        (list[str], ["a"]),
        (Any, "text"),
        (str | None, None),
    ],
)
def test_it_takes_what_most_calls_have(kind: Any, value: Any) -> None:
    assert quick_test_of(kind)(value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, True),
        (int, Color.RED),
        (str, Word("w")),
        (dict[str, Any], {"at": math.nan}),
        (dict[str, Any], {1: "a"}),
        (dict[str, Any], {"lines": [1]}),
        (dict[str, int], {"a": "1"}),
        (list[Any], (1,)),
        (tuple[str], ["a"]),
        (tuple[str], ("a", "b")),
        (float, 1),
    ],
)
def test_it_leaves_to_reading_back_what_may_arrive_otherwise(kind: Any, value: Any) -> None:
    assert not quick_test_of(kind)(value)
