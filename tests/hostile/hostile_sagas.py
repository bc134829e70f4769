"""What a worker should never have to run, and good sagas that have to go on beside it."""

from __future__ import annotations

import asyncio
import builtins
import threading
from collections.abc import Callable
from typing import Any

from misbehaviour import MISBEHAVIOUR, take_anything
from pydantic import BaseModel, model_validator

from sagaline import ApplicationError, Retry, activity, saga, workflow

QUICK = Retry(attempts=2, first_interval="5ms", maximum_interval="10ms")
HUGE = "x" * 5_000_000


class Unprintable(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words for it")

    __repr__ = __str__


class Careless(ApplicationError):
    """Never calls super().__init__."""

    def __init__(self) -> None: ...


class Odd(BaseException):
    """Neither an Exception nor one that Python knows."""


def _chain(length: int) -> Exception:
    error: Exception = ValueError("the first of many")
    for number in range(length):
        following = ValueError(f"number {number}")
        following.__cause__ = error
        error = following
    return error


def _circle() -> Exception:
    error = ValueError("its own cause")
    error.__context__ = error
    return error


def _made(kind: type[BaseException]) -> BaseException:
    if issubclass(kind, UnicodeDecodeError):
        return kind("utf-8", b"\xff", 0, 1, "hostile")
    if issubclass(kind, UnicodeEncodeError):
        return kind("utf-8", "\ud800", 0, 1, "hostile")
    if issubclass(kind, UnicodeTranslateError):
        return kind("\ud800", 0, 1, "hostile")
    if issubclass(kind, BaseExceptionGroup):
        return kind("hostile", [ValueError("one"), TypeError("two")])
    return kind("hostile")


BUILTIN = sorted(
    (kind for kind in vars(builtins).values() if isinstance(kind, type) and issubclass(kind, BaseException)),
    key=lambda kind: kind.__name__,
)
ERRORS: dict[str, Callable[[], BaseException]] = {
    **{kind.__name__: (lambda kind=kind: _made(kind)) for kind in BUILTIN},  # type: ignore[misc]
    "CancelledError": lambda: asyncio.CancelledError("hostile"),
    "huge text": lambda: RuntimeError(HUGE),
    "surrogates": lambda: RuntimeError("\ud800\udfff" * 100),
    "unprintable": Unprintable,
    "careless": Careless,
    "odd": Odd,
    "long chain": lambda: _chain(5_000),
    "circle": _circle,
    "group of groups": lambda: ExceptionGroup("all", [ExceptionGroup("some", [ValueError(HUGE)]) for _ in range(50)]),
    "group with an exit": lambda: BaseExceptionGroup("mixed", [ValueError("one"), SystemExit(3)]),
    "bytes": lambda: ValueError(b"\xff\xfe"),
    "no arguments": ValueError,
}


class Fussy(BaseModel):
    """A result whose constructor raises."""

    what: str

    @model_validator(mode="after")
    def refuse(self) -> Fussy:
        raise ERRORS[self.what]()


@activity(retry=QUICK, timeout="2s")
async def raise_async(what: str) -> str:
    await asyncio.sleep(0)
    raise ERRORS[what]()


@activity(retry=QUICK, timeout="2s")
def raise_in_thread(what: str) -> str:
    raise ERRORS[what]()


@activity(retry=QUICK, timeout="2s")
async def make_result(what: str) -> Fussy:
    return Fussy(what=what)


@activity(retry=QUICK, timeout="2s")
async def fine(what: str) -> str:
    return what


@activity(retry=QUICK, timeout="2s")
async def to_be_undone(what: str) -> str:
    return what


@to_be_undone.compensation(retry=QUICK)
async def undo_badly(what: str) -> None:
    raise ERRORS[what]()


def _self_containing() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


def _deep(depth: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


RESULTS: dict[str, Callable[[], Any]] = {
    "3 MB": lambda: "x" * 3_000_000,
    "deep": lambda: _deep(5_000),
    "self-containing": _self_containing,
    "surrogate": lambda: "\ud800",
    "nan": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "set of objects": lambda: {object()},
    "object": object,
    "huge number": lambda: 10**5_000,
    "function": lambda: _deep,
    "bytes": lambda: b"\xff\xfe\x00",
    "key that is no text": lambda: {(1, 2): object()},
    "coroutine": lambda: threading.Lock(),
    "many": lambda: list(range(300_000)),
}


@activity(retry=QUICK, timeout="2s")
async def return_async(what: str) -> Any:
    return RESULTS[what]()


@activity(retry=QUICK, timeout="2s")
def return_wrong_type(what: str) -> float:
    return RESULTS[what]()  # type: ignore[no-any-return]


@activity(retry=QUICK, timeout="300ms")
async def swallow_cancellation(what: str) -> str:
    for _ in range(20):
        try:
            await asyncio.sleep(0.5)
        except asyncio.CancelledError:
            continue
    return what


@saga
async def call(where: str, what: str) -> str:
    """Fails where it is told to."""
    await fine(what)
    if where == "async":
        return await raise_async(what)
    if where == "thread":
        return await raise_in_thread(what)
    if where == "constructor":
        return (await make_result(what)).what
    if where == "compensation":
        await to_be_undone(what)
        raise ApplicationError("now it is undone")
    if where == "result":
        return str(await return_async(what))
    if where == "wrong type":
        return str(await return_wrong_type(what))
    if where == "argument":
        return await take_anything(RESULTS[what]())
    if where == "swallow":
        return await swallow_cancellation(what)
    raise ERRORS[what]()


@workflow
async def plainly(what: str) -> str:
    raise ERRORS[what]()


@workflow
async def return_badly(what: str) -> Any:
    return RESULTS[what]()


@workflow
async def misbehave(what: str) -> Any:
    """Code that is no workflow code."""
    return await MISBEHAVIOUR[what]()


@activity(retry=QUICK, timeout="20s")
async def deposit(number: int) -> int:
    return number


@deposit.compensation
async def withdraw(number: int, deposited: int | None) -> None: ...


@saga
async def good(number: int) -> int:
    """What has to end well, whatever the others do."""
    total = 0
    for step in range(3):
        total += await deposit(number + step)
        await asyncio.sleep(0.05)
    return total
