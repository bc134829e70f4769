"""Signatures: results are checked before they are recorded, arguments where the call is made, missing ones default."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from sagaline import ConfigurationError, InvalidInput, InvalidOutput
from sagaline._model.limits import MESSAGE_BYTES, size
from sagaline._runtime.signatures import Signature


@dataclass
class Item:
    sku: str
    cents: int


class Order(BaseModel):
    id: str
    cents: Annotated[int, Field(gt=0)] = 1
    items: list[Item] = []


def signature(text: str, **names: Any) -> Signature:
    space: dict[str, Any] = {
        "Order": Order,
        "Item": Item,
        "Annotated": Annotated,
        "Field": Field,
        "Decimal": Decimal,
        **names,
    }
    exec(text, space)
    return Signature(space["f"], "f")


# Results (fault 21)

RESULTS: list[tuple[str, Any, str]] = [
    ("Decimal", 0.1, "0.1 (float) would arrive as Decimal('0.1') (Decimal)"),
    ("float", None, "the value: Input should be a valid number, got None"),
    ("float", "12.5", "'12.5' (str) would arrive as 12.5 (float)"),
    ("int", 1.5, "got 1.5"),
    ("None", 5, "got 5"),
    ("Order", None, "got None"),
    ("Order", {"id": "1"}, "would arrive as Order"),
    ("Order", Order.model_construct(id=5), "id: Input should be a valid string, got 5"),
    ("Order", Order.model_construct(), "id: Field required"),
    ("Order", Order.model_construct(id="1", cents=-5), "cents: Input should be greater than 0, got -5"),
    (
        "Order",
        Order.model_construct(id="1", items=[Item("a", "free")]),
        "items.0.cents: Input should be a valid integer",
    ),
    ("Item", Item("a", None), "cents: Input should be a valid integer, got None"),
    ("Item", Item("a", "5"), "cents: '5' (str) would arrive as 5 (int)"),
    ("list[Item]", [Item("a", 1), Item(2, 1)], "1.sku: Input should be a valid string, got 2"),
    ("dict[str, list[Order]]", {"a": [Order.model_construct(id=None)]}, "a.0.id: Input should be a valid string"),
    ("tuple[int, Item]", [1, Item("a", 1)], "would arrive as"),
    ("str", "\ud800", "surrogates not allowed"),
    ("Annotated[int, Field(gt=0)]", 0, "the value: Input should be greater than 0, got 0"),
    ("Any", object(), "Unable to serialize unknown type"),
]


@pytest.mark.parametrize(
    ("kind", "value", "problem"), RESULTS, ids=[f"{kind}: {problem}" for kind, _, problem in RESULTS]
)
def test_a_result_that_is_not_of_the_declared_type_is_refused_with_value_and_field(
    kind: str, value: Any, problem: str
) -> None:
    fn = signature(f"def f() -> {kind}: ...", Any=Any)
    with pytest.raises(InvalidOutput) as raised:
        fn.check_output(value)
    text = str(raised.value)
    assert text.startswith("Expected f to return ")
    assert problem in text
    assert size(text) <= MESSAGE_BYTES


@pytest.mark.parametrize("value", [1.5, 2, -0.0, True])
def test_a_result_of_the_declared_type_is_written(value: float) -> None:
    fn = signature("def f() -> float: ...")
    assert fn.decode_output(fn.check_output(value)) == value


def test_a_result_with_a_hostile_repr_or_a_thousand_errors_is_explained_within_bounds() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise SystemExit(3)

        def __eq__(self, other: object) -> bool:
            raise KeyboardInterrupt

    for kind, value in (
        ("int", Hostile()),
        ("list[int]", [Hostile()]),
        ("list[int]", ["x" * 1000] * 1000),
        ("Order", Order.model_construct(id=Hostile())),
        ("Any", {"x": Hostile()}),
    ):
        with pytest.raises(InvalidOutput) as raised:
            signature(f"def f() -> {kind}: ...", Any=Any).check_output(value)
        assert size(str(raised.value)) <= MESSAGE_BYTES


def test_whatever_a_validator_raises_is_a_misfit() -> None:
    from pydantic import field_validator

    class Trap(BaseModel):
        error: str

        @field_validator("error")
        @classmethod
        def spring(cls, error: str) -> str:
            raise {"exit": SystemExit, "key": KeyError, "stop": StopIteration, "rec": RecursionError}[error](error)

    fn = signature("def f(trap: Trap) -> Trap: ...", Trap=Trap)
    for error in ("exit", "key", "stop", "rec"):
        with pytest.raises(InvalidInput, match="trap: "):
            fn.decode_input(b'[{"error":"%s"}]' % error.encode())
        with pytest.raises(InvalidOutput):
            fn.check_output(Trap.model_construct(error=error))


# Missing and surplus arguments (fault 23)


def test_missing_trailing_arguments_take_their_defaults() -> None:
    fn = signature("def f(order: Order, gift: bool = False, *, note: str = 'none') -> None: ...")
    assert fn.decode_input(b'[{"id":"1"}]') == ((Order(id="1"), False), {"note": "none"})
    assert fn.decode_input(b'[{"id":"1"},true]') == ((Order(id="1"), True), {"note": "none"})
    plain = signature("def f(a: int, b: str = 'x') -> None: ...")
    assert plain.decode_input(b"[1]") == ((1, "x"), {})
    assert signature("def f(a=1): ...").decode_input(b"[]") == ((1,), {})


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"[]", r"there are 0 arguments where 3 are taken \(a, b, c\): a, b must be given"),
        (b"[1]", r"there are 1 arguments where 3 are taken \(a, b, c\): b must be given"),
        (b"[1,2,3,4]", r"there are 4 arguments where 3 are taken \(a, b, c\)\."),
        (b'{"a":1}', "no JSON array"),
        (b"5", "no JSON array"),
        (b"", "no JSON array"),
        (b"[1,2", "no JSON array"),
        (b"[1,2]]", "no JSON array"),
        (b"\xff\xfe", "no JSON array"),
        (b'["x",2]', "a: Input should be a valid integer, .*got 'x'"),
        (b'[1,{"b":[]}]', "b: Input should be a valid integer, got {'b': \\[\\]}"),
    ],
)
def test_arguments_that_do_not_fit_are_named(data: bytes, problem: str) -> None:
    fn = signature("def f(a: int, b: int, c: int = 3) -> None: ...")
    with pytest.raises(InvalidInput, match=f"Expected the input of f but .*{problem}"):
        fn.decode_input(data)


def test_a_call_that_does_not_fit_is_refused_before_anything_is_written() -> None:
    fn = signature("def f(order: Order, cents: int = 1) -> None: ...")
    for args, kwargs, problem in (
        ((), {}, "missing a required argument: 'order'"),
        ((Order(id="1"), 1, 2), {}, "too many positional"),
        ((Order(id="1"),), {"cent": 2}, "unexpected keyword argument 'cent'"),
        ((Order(id="1"), "2"), {}, "cents: '2' .* would arrive as 2"),
        (({"id": "1"},), {}, "order: .* would arrive as"),
    ):
        with pytest.raises(InvalidInput, match=f"Expected the .* of f.* but .*{problem}"):
            fn.encode_input(args, kwargs)


# Types that cannot be carried are refused where they are declared (fault 25)


class Plain:
    """No schema can be made of it."""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def f(a: Plain): ...", "parameter a cannot: Unable to generate pydantic-core schema for .*Plain"),
        ("def f() -> Plain: ...", "the result cannot: Unable"),
        ("def f(a: list[dict[str, Plain]]): ...", "parameter a cannot"),
        ("def f(a: 5): ...", "types"),
        ("def f(a: '1/0'): ...", "types"),
        ("def f(a: int = None): ...", "the default of a .*got None"),
        ("def f(a: int = Plain()): ...", "the default of a"),
    ],
)
def test_types_without_a_schema_are_refused_at_decoration_with_the_place(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as raised:
        signature(text, Plain=Plain)
    assert "<string>:1" in str(raised.value)


def test_a_type_that_is_defined_later_is_resolved_later_and_refused_when_it_never_comes() -> None:
    space: dict[str, Any] = {}
    exec("def f(a: 'Later') -> None: ...", space)
    fn = Signature(space["f"], "f")
    with pytest.raises(ConfigurationError, match="'Later' is not defined: define them in the module"):
        fn.require()
    space["Later"] = Item
    fn.require()
    assert fn.decode_input(b'[{"sku":"a","cents":1}]') == ((Item("a", 1),), {})
