"""The table in docs/payloads.md: each line a case here, and each case a line there."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
import pydantic
import pytest
from payload_types import (
    A,
    Aliased,
    B,
    Book,
    Box,
    ByAlias,
    Cat,
    Circle,
    Colour,
    Computing,
    Dog,
    Excluding,
    Gift,
    Hashed,
    Ids,
    Item,
    Level,
    Loose,
    Money,
    NoEquality,
    NotAType,
    Order,
    Page,
    Pair,
    Part,
    Pet,
    Point,
    Positive,
    Private,
    Row,
    Secretive,
    Shelf,
    Square,
    Tone,
    TwoAliases,
    Wide,
    fn_of,
    private,
)

from sagaline import ConfigurationError, InvalidInput, InvalidOutput

CARRIED, AT_CALL, AT_DECORATION = "carried", "refused at the call", "refused at decoration"

# name in the table: type, value, what becomes of it
CASES: dict[str, tuple[Any, Any, str]] = {
    "`None`, `bool`, `int`, `float`, `str`, `list`, `dict`": (dict[str, Any], {"a": [None, True, 1, 1.5, "x"]}, CARRIED),
    "no annotation, `Any`: JSON's own types": (Any, [1, {"a": "x"}], CARRIED),
    "a value that equals one of the declared type": (int, 2.0, CARRIED),
    "no annotation, `Any`: any other type": (Any, {"at": date(2026, 1, 1)}, AT_CALL),
    "`Any`: a tuple, a set, a dict with keys that are no text": (Any, (1, 2), AT_CALL),
    "NaN and infinity in `float`": (float, math.nan, AT_CALL),
    "NaN and infinity in `Any`": (Any, {"x": math.inf}, AT_CALL),
    "NaN and infinity in `float \\| None` of a model": (Box[float | None], Box[float | None](content=math.nan), AT_CALL),
    "`int` of up to 4,300 digits": (int, 10**30, CARRIED),
    "`int` of more digits": (int, 10**5_000, AT_CALL),
    "text with a lone surrogate": (str, "\ud800", AT_CALL),
    "`dict` with keys of another type": (dict[int, date], {7: date(2026, 1, 1)}, CARRIED),
    "`Decimal`": (Decimal, Decimal("1.10"), CARRIED),
    "`datetime`": (datetime, datetime(2026, 1, 2, 3, 4, 5, 6), CARRIED),
    "`datetime` with a time zone": (datetime, datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2))), CARRIED),
    "`datetime` in UTC": (datetime, datetime(2026, 1, 2, tzinfo=UTC), CARRIED),
    "`date`": (date, date(2026, 1, 2), CARRIED),
    "`time`": (time, time(3, 4), CARRIED),
    "`timedelta`": (timedelta, timedelta(days=1, microseconds=1), CARRIED),
    "`UUID`": (uuid.UUID, uuid.UUID(int=1), CARRIED),
    "`Enum`": (Colour, Colour.RED, CARRIED),
    "`Enum` as a key": (dict[Colour, Path], {Colour.RED: Path("/a")}, CARRIED),
    "`IntEnum`": (Level, Level.HIGH, CARRIED),
    "`StrEnum`": (Tone, Tone.LOUD, CARRIED),
    "`Literal`": (Literal["a", 1], "a", CARRIED),
    "`Path`": (Path, Path("/a/b"), CARRIED),
    "`PurePosixPath`": (PurePosixPath, PurePosixPath("a"), CARRIED),
    "`bytes` that are UTF-8": (bytes, b"abc", CARRIED),
    "`bytes` that are not": (bytes, b"\xff", AT_CALL),
    "`pydantic.Base64Bytes`": (pydantic.Base64Bytes, b"\xff", CARRIED),
    "`tuple`": (tuple[int, str], (1, "x"), CARRIED),
    "`set`": (set[int], {1, 2}, CARRIED),
    "`frozenset`": (frozenset[int], frozenset({1}), CARRIED),
    "a list where a tuple is declared, and the like": (tuple[int, ...], [1], AT_CALL),
    "`Iterable` and generators": (Iterable[int], iter([1]), AT_CALL),
    "`NamedTuple`": (Point, Point(1, 2), CARRIED),
    "`NamedTuple`s in containers": (dict[str, list[Point]], {"a": [Point(1, 2)]}, CARRIED),
    "`TypedDict`": (Row, {"a": 1}, CARRIED),
    "`TypedDict` with a key that is not declared": (Row, {"a": 1, "c": 2}, AT_CALL),
    "`Optional`": (date | None, None, CARRIED),
    "union of plain types": (int | str, "5", CARRIED),
    "union of others": (Decimal | Colour | None, Colour.RED, CARRIED),
    "dataclass": (Item, Item("a", ["b"]), CARRIED),
    "dataclass without `==`": (NoEquality, NoEquality("a"), CARRIED),
    "dataclass with a field of another type than declared": (Item, Item("a", "b"), AT_CALL),  # type: ignore[arg-type]
    "a subclass of the declared dataclass": (Item, Book("a", [], 3), AT_CALL),
    "pydantic model": (Order, Order(id="1", items=[Item("a")]), CARRIED),
    "model made without validation, with wrong values": (Order, Order.model_construct(id=1), AT_CALL),
    "a subclass of the declared model": (Order, Gift(id="1", note="x"), AT_CALL),
    "union of models": (Cat | Dog, Dog(name="x"), CARRIED),
    "union with a discriminator": (Pet, Dog(name="x"), CARRIED),
    "union of models that cannot be told apart": (A | B, B(x=1), AT_CALL),
    "generic model": (Box[Decimal], Box[Decimal](content=Decimal(1)), CARRIED),
    "generic dataclass": (Pair[Decimal], Pair(Decimal(1), Decimal(2)), CARRIED),
    "`RootModel`": (Ids, Ids([1, 2]), CARRIED),
    "constraints: `Annotated[int, Field(gt=0)]`": (Positive, 0, AT_CALL),
    "alias": (Aliased, Aliased(orderId="1", sum=5), CARRIED),
    "alias and `serialize_by_alias`": (ByAlias, ByAlias(orderId="1"), CARRIED),
    "`serialize_by_alias` with an alias that validation does not know": (TwoAliases, TwoAliases(sum=5), AT_CALL),
    "computed field": (Computing, Computing(cents=150), CARRIED),
    "private attribute of a model": (Private, private(), CARRIED),
    "`extra=\"allow\"`": (Loose, Loose(id="1", more=2), CARRIED),  # type: ignore[call-arg]
    "`Field(exclude=True)`": (Excluding, Excluding(id="1"), AT_DECORATION),
    "`SecretStr`, `SecretBytes`, `Secret`": (pydantic.SecretStr, pydantic.SecretStr("x"), AT_DECORATION),
    "a secret in a model": (Secretive, Secretive(password=pydantic.SecretStr("x")), AT_DECORATION),
    "a type with a schema of its own": (Money, Money(5), CARRIED),
    "a validator that changes its own result again": (Hashed, "x", AT_CALL),
    "`msgspec.Struct`": (Part, Part("a", Decimal("1.10"), Order(id="1")), CARRIED),
    "generic Struct": (Page[Decimal], Page([Decimal("1.5")]), CARRIED),
    "union of Structs with tags": (Circle | Square, Square(3), CARRIED),
    "Structs in containers": (dict[str, list[Circle]], {"a": [Circle(1)]}, CARRIED),
    "a Struct in a dataclass or model": (Shelf, Shelf(Part("a", Decimal(1))), AT_DECORATION),
    "a subclass of the declared Struct": (Part, Wide("a", Decimal(1), None, 3), AT_CALL),
    "constraints: `msgspec.Meta`": (Annotated[int, msgspec.Meta(gt=0)], 0, AT_CALL),
    "a class without a schema": (NotAType, NotAType(), AT_DECORATION),
}  # fmt: skip
TABLE = Path(__file__).parents[3] / "docs" / "payloads.md"


def rows() -> dict[str, tuple[str, str]]:
    """Of the table: what, its JSON, what becomes of it."""
    lines = re.findall(
        r"^\| (.+?) +\| (.*?) +\| (carried|refused [a-z ]+?) +\|", TABLE.read_text("utf-8"), re.MULTILINE
    )
    return {name: (data.strip("`"), outcome) for name, data, outcome in lines}


def test_the_hour_that_a_zone_has_twice_is_carried() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    fn = fn_of(Box[datetime])
    for fold in (0, 1):
        at = datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=fold)
        arrived = fn.decode_output(fn.check_output(Box[datetime](content=at))).content
        assert arrived.timestamp() == at.timestamp()
    with pytest.raises(InvalidOutput):
        fn.check_output(Box[datetime].model_construct(content=date(2026, 1, 1)))


def test_the_table_and_the_cases_are_the_same() -> None:
    assert list(rows()) == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_each_line_of_the_table(name: str) -> None:
    kind, value, outcome = CASES[name]
    data, promised = rows()[name]
    assert promised == outcome
    if outcome == AT_DECORATION:
        with pytest.raises(ConfigurationError, match="types of fn"):
            fn_of(kind)
        return
    for beside, other in ((int, 1), (date, date(2026, 1, 1)), (Part, Part("a", Decimal(1)))):
        fn = fn_of(kind, beside)
        if outcome == AT_CALL:
            with pytest.raises(InvalidInput, match="Expected the input of fn but value"):
                fn.encode_input((value, other), {})
            with pytest.raises(InvalidOutput):
                fn.check_output(value)
            continue
        (arrived, again), _ = fn.decode_input(fn.encode_input((value, other), {}))
        assert again == other
        returned = fn.decode_output(fn.check_output(value))
        for back in (arrived, returned):
            assert type(back) is (kind if name.startswith("a value that equals") else type(value))
            if name in ("dataclass without `==`", "a type with a schema of its own"):
                assert vars(back) == vars(value)
            elif name != "private attribute of a model":
                assert back == value
        assert fn.check_output(value).decode() == data.replace("\\|", "|")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [(Decimal, 1.5, Decimal("1.5")), (float, Decimal("1.5"), 1.5), (float, 2, 2.0), (int, True, 1), (str, Tone.LOUD, "loud"),
     (Any, Tone.LOUD, "loud"), (tuple[int, int], Point(1, 2), (1, 2)), (dict[str, int], Row(a=1), {"a": 1})],
)  # fmt: skip
@pytest.mark.parametrize("beside", [int, date, Part])
def test_equal_values_arrive_as_the_declared_type(kind: Any, value: Any, expected: Any, beside: Any) -> None:
    fn = fn_of(kind, beside)
    other = {int: 1, date: date(2026, 1, 1), Part: Part("a", Decimal(1))}[beside]
    (arrived, _), _ = fn.decode_input(fn.encode_input((value, other), {}))
    for back in (arrived, fn.decode_output(fn.check_output(value))):
        assert back == expected
        assert type(back) is type(expected)


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (int, b'"5"', 5), (int, b"5.0", 5), (float, b'"1.5"', 1.5), (float, b"2", 2.0), (bool, b'"yes"', True),
        (date, b'"2026-01-02"', date(2026, 1, 2)), (Decimal, b"1.5", Decimal("1.5")), (dict[str, int], b'{"a":1,"a":2}', {"a": 2}),
        (Part, b'{"sku":"a","price":1,"sku":"b"}', Part("b", Decimal(1))), (Any, b"[1.0,null]", [1.0, None]),
        (Aliased, b'{"orderId":"1","sum":2}', Aliased(orderId="1", sum=2)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("beside", [int, date, Part])
def test_json_is_converted_alike_whatever_stands_beside_it(kind: Any, data: bytes, expected: Any, beside: Any) -> None:
    other = {int: b"1", date: b'"2026-01-01"', Part: b'{"sku":"a","price":"1"}'}[beside]
    fn = fn_of(kind, beside)
    (value, _), _ = fn.decode_input(b"[" + data + b"," + other + b"]")
    assert value == expected
    assert type(value) is type(expected)
    assert fn.decode_output(data) == expected


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (int, b'"x"'), (int, b"1.5"), (str, b"5"), (float, b"NaN"), (float, b"1e400"), (float, b'"inf"'), (str, b'"\xff"'),
        (str, b'"\\ud800"'), (bool, b"2"), (int, b"9" * 5_000), (date, b'"soon"'), (Part, b'{"sku":5,"price":1}'), (Order, b"null"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("beside", [int, date, Part])
def test_json_that_cannot_be_converted_is_refused_alike(kind: Any, data: bytes, beside: Any) -> None:
    other = {int: b"1", date: b'"2026-01-01"', Part: b'{"sku":"a","price":"1"}'}[beside]
    with pytest.raises(InvalidInput):
        fn_of(kind, beside).decode_input(b"[" + data + b"," + other + b"]")
    with pytest.raises(InvalidInput):
        fn_of(kind, beside).decode_output(data)
