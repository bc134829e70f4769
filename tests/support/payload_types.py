"""Types that the tests of payloads pass around: of each kind that users have."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import msgspec
import pydantic
from pydantic import BaseModel, ConfigDict, Field, computed_field
from pydantic_core import core_schema
from typing_extensions import TypedDict

from sagaline._runtime.signatures import Signature

T = TypeVar("T")


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Tone(StrEnum):
    LOUD = "loud"


class Point(NamedTuple):
    x: int
    y: int = 0


class Row(TypedDict, total=False):
    a: int
    b: str


@dataclass
class Item:
    sku: str
    tags: list[str] = field(default_factory=list)


@dataclass(eq=False)
class NoEquality:
    sku: str


@dataclass
class Book(Item):
    pages: int = 0


class Order(BaseModel):
    id: str
    items: list[Item] = []


class Gift(Order):
    note: str


class Aliased(BaseModel):
    order_id: str = Field(alias="orderId")
    total: int = Field(validation_alias="sum", serialization_alias="amount", default=0)


class ByAlias(BaseModel):
    model_config = ConfigDict(serialize_by_alias=True)
    order_id: str = Field(alias="orderId")


class TwoAliases(BaseModel):
    model_config = ConfigDict(serialize_by_alias=True)
    total: int = Field(validation_alias="sum", serialization_alias="amount", default=0)


class Secretive(BaseModel):
    password: pydantic.SecretStr


class Excluding(BaseModel):
    id: str
    cache: int = Field(default=0, exclude=True)


class Computing(BaseModel):
    model_config = ConfigDict(extra="forbid")
    cents: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def euros(self) -> float:
        return self.cents / 100


class Private(BaseModel):
    id: str
    _seen: int = pydantic.PrivateAttr(default=0)


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    id: str


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    name: str


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    name: str


class A(BaseModel):
    x: int = 0


class B(BaseModel):
    x: int = 0


class Box(BaseModel, Generic[T]):
    content: T


class Ids(pydantic.RootModel[list[int]]):
    pass


class Money:
    """A type of one's own, with a schema and without ``==``."""

    def __init__(self, cents: int) -> None:
        self.cents = cents

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return core_schema.no_info_after_validator_function(
            lambda cents: cents if isinstance(cents, cls) else cls(cents),
            core_schema.union_schema([core_schema.is_instance_schema(cls), core_schema.int_schema()]),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda money: money.cents),
        )


class Part(msgspec.Struct):
    sku: str
    price: Decimal
    order: Order | None = None


class Wide(Part):
    width: int = 0


@dataclass
class Pair(Generic[T]):
    left: T
    right: T


class Page(msgspec.Struct, Generic[T]):
    rows: list[T]


class Circle(msgspec.Struct, tag="circle"):
    radius: int


class Square(msgspec.Struct, tag="square"):
    side: int


@dataclass
class Shelf:
    part: Part


class NotAType:
    pass


def private() -> Private:
    model = Private(id="1")
    model._seen = 7
    return model


Hashed = Annotated[str, pydantic.AfterValidator(lambda text: f"#{text}")]
Pet = Annotated[Cat | Dog, Field(discriminator="kind")]
Positive = Annotated[int, Field(gt=0)]


def fn_of(kind: Any, beside: Any = int) -> Signature:
    def fn(value: kind, beside: beside = None) -> kind: ...

    fn.__annotations__ = {"value": kind, "beside": beside, "return": kind}
    fn.__defaults__ = ()
    return Signature(fn, "fn")
