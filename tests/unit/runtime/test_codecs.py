"""The depth of JSON is bounded before anything that recurses reads it (fault 2)."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from payload_types import Order, fn_of

from sagaline import InvalidInput
from sagaline._model.limits import DEPTH, MESSAGE_BYTES
from sagaline._runtime.carried import Misfit
from sagaline._runtime.codecs import check_depth


@pytest.mark.parametrize("kind", [Any, list[Any], Order, dict[str, Any]])
@pytest.mark.parametrize(
    "data",
    [
        b"[" * 3_000,
        b"[" * 3_000 + b"]" * 3_000,
        b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
        b'["]",' * 3_000 + b"1" + b"]" * 3_000,
    ],
    ids=["open", "closed", "objects", "brackets in strings"],
)
def test_json_that_is_nested_too_deep_is_refused(kind: Any, data: bytes) -> None:
    fn = fn_of(kind)
    with pytest.raises(InvalidInput, match="nested deeper than 64"):
        fn.decode_input(b"[" + data + b"]")
    with pytest.raises(InvalidInput, match="nested deeper than 64"):
        fn.decode_output(data)


@pytest.mark.parametrize("levels", [10, 63, 64, 200, 100_000])
def test_values_that_are_nested_too_deep_are_refused_at_the_call(levels: int) -> None:
    fn = fn_of(Any)
    value: Any = 1
    for _ in range(levels):
        value = [value]
    if levels <= 63:
        assert fn.decode_input(fn.encode_input((value, 1), {})) == ((value, 1), {})
    else:
        with pytest.raises(InvalidInput):
            fn.encode_input((value, 1), {})
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(InvalidInput):
        fn.encode_input((circle, 1), {})


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


_tricky = st.text(alphabet='[]{}"\\a,', max_size=8)
_values = st.recursive(
    st.one_of(_tricky, st.integers(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_tricky, inner, max_size=3)),
    max_leaves=60,
)


@given(value=_values, more=st.integers(0, 70), filler=st.lists(_tricky, max_size=70))
def test_the_depth_of_json_is_its_depth_whatever_stands_in_its_strings(
    value: Any, more: int, filler: list[str]
) -> None:
    for number in range(more):
        value = [*filler[:number], value] if number % 2 else {"k": value, '"]': "["}
    data = json.dumps(value).encode()
    if depth_of(value) <= DEPTH:
        check_depth(data)
    else:
        with pytest.raises(Misfit):
            check_depth(data)


@given(st.binary())
def test_the_depth_of_anything_else_is_looked_at_without_an_error_of_its_own(data: bytes) -> None:
    try:
        check_depth(data)
    except Misfit:
        pass


def test_looking_at_the_depth_takes_time_in_proportion_to_the_size() -> None:
    def seconds(size: int) -> float:
        shapes = [b'["' + b'\\"' * size, b"[" * size, b'"\\' * size, b'"[",' * size, b"[]{}" * size, b'["' * size]
        best = 9.0
        for _ in range(3):
            began = time.thread_time()
            for data in shapes:
                try:
                    check_depth(data)
                except Misfit:
                    pass
            best = min(best, time.thread_time() - began)
        return best

    assert seconds(80_000) < 40 * seconds(8_000)  # a square would be a hundred times


@pytest.mark.parametrize(
    "wrong",
    [
        [*range(10_000)],
        ["x" * 5_000_000],
        [{"y" * 5_000_000: 1}],
        [{"id": ["x" * 1_000_000], "items": "x" * 1_000_000}],
    ],
    ids=["many", "long", "long name", "long fields"],
)
def test_what_does_not_fit_is_explained_in_bounded_size(wrong: list[Any]) -> None:
    """Fault 1: the explanation is the message of a failure, or the reason for which a run is parked."""
    fn = fn_of(list[Order])
    data = json.dumps(wrong).encode()
    for read in (lambda: fn.decode_input(b"[" + data + b"]"), lambda: fn.decode_output(data)):
        with pytest.raises((InvalidInput, Misfit)) as caught:
            read()
        assert 0 < len(str(caught.value)) <= MESSAGE_BYTES
