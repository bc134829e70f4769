"""What workflow code may not call, and what it calls in its place."""

from __future__ import annotations

import datetime
import os
import random
import secrets
import threading
import time
import uuid
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType
from typing import Any, NamedTuple


class Forbidden(NamedTuple):
    """A call: its name, and what to do instead. ``libraries_may``: they read data and settings of their own."""

    name: str
    advice: str
    libraries_may: bool = False


_CLOCK = "Use workflow.now(), which is the time of the activation, also in replay"
_CHANCE = "Use workflow.random(), which is the same in replay"
_IDS = "Use workflow.uuid4() or workflow.uuid7(), which are the same in replay"
_SECRETS = "Make it in an activity, whose result is recorded"
IO = "Move it into an activity: a function with @activity, called from here"
SLEEP = "Use await workflow.sleep(), which lets other code run and is durable"
THREADS = f"{IO}. What runs beside each other here is tasks of asyncio"
_ENVIRONMENT = "Give it to the run as an argument, or read it in an activity"

_C_FUNCTIONS: dict[Any, Forbidden] = {
    getattr(time, name): Forbidden(f"time.{name}()", _CLOCK)
    for name in (
        "time",
        "time_ns",
        "monotonic",
        "monotonic_ns",
        "perf_counter",
        "perf_counter_ns",
        "process_time",
        "process_time_ns",
        "thread_time",
        "thread_time_ns",
    )
} | {
    datetime.datetime.now: Forbidden("datetime.now()", _CLOCK),
    datetime.datetime.utcnow:  # pyright: ignore[reportDeprecated]
    Forbidden("datetime.utcnow()", _CLOCK),
    datetime.datetime.today: Forbidden("datetime.today()", _CLOCK),
    datetime.date.today: Forbidden("date.today()", _CLOCK),
    random.random: Forbidden("random.random()", _CHANCE),
    random.getrandbits: Forbidden("random.getrandbits()", _CHANCE),
    os.urandom: Forbidden("os.urandom()", _SECRETS),
    os.getpid: Forbidden("os.getpid()", _ENVIRONMENT),
    time.sleep: Forbidden("time.sleep()", SLEEP),
}
"""Functions written in C. (They compare equal, and hash, by what they are bound to.)"""

_SHARED_RANDOM: Any = random.choice.__self__  # type: ignore[attr-defined]  # pyright: ignore
"""The generator behind ``random.random()`` and the rest; ``workflow.random()`` is another one of its class."""


def _code(function: Any) -> CodeType:
    code: CodeType = function.__code__
    return code


def _chance() -> Iterator[tuple[CodeType, Forbidden]]:
    for name in random.__all__:
        function = getattr(random, name)
        if isinstance(function, MethodType):
            yield _code(function.__func__), Forbidden(f"random.{name}()", _CHANCE)


_METHODS_OF_CHANCE = dict(_chance())

PYTHON_FUNCTIONS: dict[CodeType, Forbidden] = {
    _code(threading.Thread.start): Forbidden("a thread's start()", THREADS),
    _code(uuid.uuid1): Forbidden("uuid.uuid1()", _IDS),
    _code(uuid.uuid4): Forbidden("uuid.uuid4()", _IDS),
    _code(os.getenv): Forbidden("os.getenv()", _ENVIRONMENT, True),
    _code(type(os.environ).__getitem__): Forbidden("os.environ", _ENVIRONMENT, True),
    _code(secrets.token_bytes): Forbidden("secrets.token_bytes()", _SECRETS),
    _code(secrets.randbelow): Forbidden("secrets.randbelow()", _SECRETS),
    _code(random.SystemRandom.getrandbits): Forbidden("random.SystemRandom", _SECRETS),
    _code(random.SystemRandom.random): Forbidden("random.SystemRandom", _SECRETS),
}
"""Functions written in Python, by their code."""


def forbidden_call(callee: Any, first: object) -> Forbidden | None:
    """What is wrong with calling this, ``first`` being its first argument, or what it is a method of."""
    kind: Any = type(callee)  # pyright: ignore[reportUnknownVariableType]
    if kind is FunctionType:
        code = _code(callee)
        return forbidden_method(code, first) or PYTHON_FUNCTIONS.get(code)
    if kind is MethodType:
        return forbidden_call(callee.__func__, callee.__self__)
    if kind is type(time.time):
        return _C_FUNCTIONS.get(callee)
    return None


def forbidden_method(code: CodeType, receiver: object) -> Forbidden | None:
    """The same for a method of a random generator: the shared one is not the run's."""
    return _METHODS_OF_CHANCE.get(code) if receiver is _SHARED_RANDOM else None
