"""What decorators and workers are given is checked where it is given: errors name the place and say what to do."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, cast

from sagaline._model.limits import NAME_BYTES, NAMES, QUEUE_CHARS, cut, size
from sagaline._model.tasks import is_queue_name
from sagaline.errors import ConfigurationError

_SHOWN_BYTES = 100


def place_of(fn: Callable[..., Any]) -> str:
    """File and line of a function, or its name when it has none."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else shown(fn)


def shown(value: object) -> str:
    """A value for an error message: short, whatever its ``repr`` does."""
    try:
        text = repr(value)
    except BaseException:
        text = ""
    return cut(text, _SHOWN_BYTES) if type(text) is str and text else f"a {type(value).__name__}"


def require_function(fn: object, decorator: str) -> None:
    """Raises ConfigurationError unless ``fn`` is a function that a decorator of ours can take."""
    if not inspect.isfunction(fn):
        raise ConfigurationError(f"Expected {decorator} on a function but got {shown(fn)}: {_advice(fn, decorator)}.")
    if fn.__name__ == "<lambda>":
        raise ConfigurationError(f"Expected {decorator} on a def but {place_of(fn)} is a lambda: write it as a def.")
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise ConfigurationError(
            f"Expected {fn.__qualname__} ({place_of(fn)}) to return its result but it yields: return a list, "
            f"or the place where the data is."
        )


def _advice(fn: object, decorator: str) -> str:
    if isinstance(fn, str):
        return f"options are given by name, as in {decorator}(name=...)"
    if isinstance(fn, staticmethod | classmethod):
        return f"a static method has @staticmethod above {decorator}, and a class method cannot be one"
    if inspect.ismethod(fn):
        return f"put {decorator} on the method in its class, and give the worker the object's method"
    if inspect.isclass(fn):
        return f"put {decorator} on the methods of the class, and give the worker methods of an object"
    if isinstance(fn, functools.partial):
        return f"write a function that makes this call, or a class with the fixed arguments and {decorator} on a method"
    if inspect.isbuiltin(fn) or callable(fn):
        return f"write a function that calls it, and put {decorator} on that"
    return "it is not callable"


def name_for(fn: Callable[..., Any], name: object, place: str) -> str:
    """The name that was given, or the function's own: "charge", and of a method "Payments.charge"."""
    if name is None:
        name = fn.__qualname__.rpartition("<locals>.")[2]
    if not isinstance(name, str):
        raise ConfigurationError(f"Expected a name as text but got {shown(name)} ({place}).")
    if not name.strip() or size(name) > NAME_BYTES or not name.isprintable():
        raise ConfigurationError(
            f"Expected a name of 1 to {NAME_BYTES} bytes of printable text but got {shown(name)} ({place})."
        )
    return str(name)


def child_id(value: object, place: str) -> str:
    """A workflow id in the code of another run. Raises ConfigurationError when it is none."""
    if not isinstance(value, str) or not value or size(value) > NAME_BYTES:
        raise ConfigurationError(
            f"Expected a workflow id to be 1 to {NAME_BYTES} bytes of text but got {shown(value)} ({place})."
        )
    return str(value)


def one_of(value: object, words: tuple[str, ...], what: str, place: str) -> str:
    """One of several words. Raises ConfigurationError when it is none of them."""
    if value not in words:
        raise ConfigurationError(f"Expected {what} to be one of {', '.join(words)} but got {shown(value)} ({place}).")
    return str(value)


def patch_id(value: object) -> str:
    """The id of a patch. Raises ConfigurationError when it is none."""
    if not isinstance(value, str) or not value.strip() or size(value) > NAME_BYTES or not value.isprintable():
        raise ConfigurationError(
            f"Expected the id of a patch to be 1 to {NAME_BYTES} bytes of printable text but got {shown(value)}."
        )
    return str(value)


def is_method(fn: Callable[..., Any]) -> bool:
    """True for a function that is written in a class and takes ``self``."""
    inside, _, _ = fn.__qualname__.rpartition("<locals>.")[2].rpartition(".")
    first = next(iter(inspect.signature(fn).parameters), "")
    if inside and first == "cls":
        raise ConfigurationError(
            f"Expected a method of objects or a static one but {fn.__qualname__} ({place_of(fn)}) is a class method: "
            f"take self, or nothing and put @staticmethod above."
        )
    return bool(inside) and first == "self"


def exception_classes(classes: object, what: str, place: str) -> tuple[type[Exception], ...]:
    """The classes as a tuple. Raises ConfigurationError when ``classes`` is no list or tuple of exception classes."""
    listed = _listed(classes, what, "exception classes", place)
    for value in listed:
        if not _is_class_of(value, Exception):
            raise ConfigurationError(
                f"Expected {what} to be classes derived from Exception but got {shown(value)} ({place})."
            )
    return tuple(listed)


def predicate(value: Any, what: str, place: str) -> Callable[[Exception], bool] | None:
    """A function of an error, or None. Raises ConfigurationError."""
    if value is None or (callable(value) and not inspect.isclass(value) and not inspect.iscoroutinefunction(value)):
        return cast("Callable[[Exception], bool] | None", value)
    raise ConfigurationError(
        f"Expected {what} to be an ordinary function that takes the error and returns True or False but got "
        f"{shown(value)} ({place})."
    )


def error_names(value: object, name_of: Callable[[type[BaseException]], str], place: str) -> tuple[str, ...]:
    """Names of error types and classes, all as text."""
    names: list[str] = []
    for error in _listed(value, "non_retryable", "exception classes or names of errors", place):
        if _is_class_of(error, BaseException):
            names.append(name_of(error))
        elif isinstance(error, str) and error.strip() and size(error) <= NAME_BYTES and error.isprintable():
            names.append(str(error))
        else:
            raise ConfigurationError(
                f"Expected non_retryable to be exception classes, or names of errors of at most {NAME_BYTES} bytes, "
                f"but got {shown(error)} ({place})."
            )
    return tuple(names)


def _is_class_of(value: object, base: type) -> bool:
    return isinstance(value, type) and issubclass(value, base)


def _listed(value: object, what: str, of_what: str, place: str) -> list[Any]:
    if isinstance(value, str | bytes | type) or not isinstance(value, Iterable):
        raise ConfigurationError(f"Expected {what} to be a list of {of_what} but got {shown(value)} ({place}).")
    listed: list[Any] = list(islice(value, NAMES + 1))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if len(listed) > NAMES:
        raise ConfigurationError(f"Expected at most {NAMES} {of_what} as {what} but got more ({place}).")
    return listed


def queue_name(value: object, place: str) -> str:
    """The name of a task queue; raises ConfigurationError when it cannot be one."""
    if not isinstance(value, str) or not is_queue_name(value):
        raise ConfigurationError(
            f"Expected queue to be 1 to {QUEUE_CHARS} letters, digits, hyphens and underscores, the first of them a "
            f"letter or a digit, for it is part of a topic's name, but got {shown(value)} ({place})."
        )
    return value


def flag(value: object, what: str, place: str) -> bool:
    """True or False. Raises ConfigurationError."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"Expected {what} to be True or False but got {shown(value)} ({place}).")
    return value


def whole_number(value: object, what: str, least: int, most: int, place: str) -> int:
    """The number; raises ConfigurationError when it is none between the bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigurationError(
            f"Expected {what} to be a whole number from {least} to {most} but got {shown(value)} ({place})."
        )
    return int(value)
