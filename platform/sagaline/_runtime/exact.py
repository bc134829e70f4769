"""Values of JSON's own types that surely arrive as they are, so that what is written of them need not be read back.

The tests look at exact types, in C: a subclass, a fraction (NaN is written as null) or anything nested deeper is read
back.
"""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

Test = Callable[[Any], bool]
_TEXT = frozenset({str})
_SCALARS: frozenset[type] = frozenset({str, int, bool, NoneType})


def never(_: Any) -> bool:
    """Nothing is known of the value."""
    return False


def test_of(kind: Any) -> Test:
    """True of values of the type that msgspec reads as equal ones from what it writes of them; it may be False of any
    other. A text or a number that cannot be written at all is told by writing it."""
    if kind is Any:
        return lambda value: type(value) in _SCALARS or _is_flat(value)
    if types := _scalars_of(kind):
        return _scalar_test(types)
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if origin is dict and (not inner or inner[0] is str):
        return _dict_test(_inner_types(inner[1:]))
    if origin is list:
        return _list_test(_inner_types(inner))
    if origin is tuple and inner and ... not in inner:
        return _tuple_test(tuple(map(test_of, inner)))
    return never


def _inner_types(inner: tuple[Any, ...]) -> frozenset[type]:
    """The types of what is in a list or a dict; none where there is no quick test."""
    return _SCALARS if not inner or inner[0] is Any else _scalars_of(inner[0])


def _scalars_of(kind: Any) -> frozenset[type]:
    """The types of a scalar's values; none of a type that has others."""
    if get_origin(kind) in (Union, UnionType):
        parts = [_scalars_of(inner) for inner in get_args(kind)]
        return frozenset[type]().union(*parts) if all(parts) else frozenset()
    kind = NoneType if kind is None else kind
    return frozenset((kind,)) if kind in _SCALARS else frozenset()


def _scalar_test(types: frozenset[type]) -> Test:
    return lambda value: type(value) in types


def _is_flat(value: Any) -> bool:
    if type(value) is not dict:
        return False
    keys, values = map(type, value), map(type, value.values())  # pyright: ignore[reportUnknownArgumentType]
    return _TEXT.issuperset(keys) and _SCALARS.issuperset(values)


def _dict_test(types: frozenset[type]) -> Test:
    if types == _SCALARS:
        return _is_flat
    return lambda value: bool(types) and _is_flat(value) and types.issuperset(map(type, value.values()))


def _list_test(types: frozenset[type]) -> Test:
    if not types:
        return never
    return lambda value: type(value) is list and types.issuperset(map(type, value))  # pyright: ignore


def _tuple_test(tests: tuple[Test, ...]) -> Test:
    count = len(tests)
    if count == 1:
        only = tests[0]
        return lambda values: type(values) is tuple and len(values) == 1 and only(values[0])  # pyright: ignore

    def test(values: Any) -> bool:
        if type(values) is not tuple or len(values) != count:  # pyright: ignore[reportUnknownArgumentType]
            return False
        pairs = zip(tests, values, strict=True)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return all(each(value) for each, value in pairs)  # pyright: ignore[reportUnknownVariableType]

    return test
