"""Everything that user code may raise: every builtin exception, and worse."""

from __future__ import annotations

import asyncio
import builtins
import inspect
from collections.abc import Callable
from typing import Any

from sagaline import ApplicationError

BUILTIN = [kind for kind in vars(builtins).values() if inspect.isclass(kind) and issubclass(kind, BaseException)]


def builtin_error(kind: type[BaseException]) -> BaseException:
    """An instance, whatever the constructor wants."""
    if issubclass(kind, BaseExceptionGroup):
        inner = ValueError("inner") if issubclass(kind, ExceptionGroup) else KeyboardInterrupt("inner")
        return kind("group", [inner])
    if issubclass(kind, UnicodeDecodeError):
        return kind("utf-8", b"\xff", 0, 1, "why")
    if issubclass(kind, UnicodeEncodeError):
        return kind("utf-8", "\ud800", 0, 1, "why")
    if issubclass(kind, UnicodeTranslateError):
        return kind("\ud800", 0, 1, "why")
    return kind("why")


class Unprintable(Exception):
    def __str__(self) -> str:
        raise SystemExit("no text")

    __repr__ = __str__


class NoInit(ApplicationError):
    def __init__(self) -> None:
        pass


class Stubborn(BaseException):
    """Belongs to no family."""


class LyingName(Exception):
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise KeyboardInterrupt("no class")


def circle() -> BaseException:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    return first


HOSTILE: dict[str, Callable[[], BaseException]] = {
    **{kind.__name__: lambda kind=kind: builtin_error(kind) for kind in BUILTIN},  # type: ignore[misc]
    "Unprintable": lambda: Unprintable("x"),
    "NoInit": NoInit,
    "Stubborn": Stubborn,
    "LyingName": LyingName,
    "circle": circle,
    "long": lambda: RuntimeError("x" * 5_000_000),
    "surrogates": lambda: RuntimeError("\ud800" * 10),
    "CancelledError": asyncio.CancelledError,
    "stop": lambda: StopAsyncIteration("x"),
}
