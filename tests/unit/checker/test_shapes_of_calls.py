"""A function is found however it is called."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sagaline.checker import Report

Check = Callable[..., Report]


def paths(report: Report) -> list[str]:
    assert all(finding.code == "SGL101" for finding in report.findings), report.findings
    return [" -> ".join(finding.path) for finding in report.findings]


CALLS = {
    "a partial": ("order -> stamp", "return functools.partial(stamp, 1)()"),
    "an argument": ("order -> stamp", "return sorted([1], key=stamp)"),
    "a lambda": ("order -> stamp", "return (lambda: stamp(1))()"),
    "a name": ("order -> stamp", "now = stamp\n    return now(1)"),
    "a nested function": ("order -> order.inner -> stamp", "def inner():\n        return stamp(1)\n    return inner()"),
    "a table": ("order -> TABLE -> stamp", "return TABLE['stamp'](1)"),
    "a lambda in a table": ("order -> LAMBDAS -> stamp", "return LAMBDAS[0]()"),
    "a method": ("order -> Clock.read -> Clock.now", "return Clock().read()"),
    "a method of a base": ("order -> Clock.now", "clock = Watch()\n    return clock.now()"),
    "a static method": ("order -> Clock.plain", "return Clock.plain()"),
    "a property": ("order -> Clock.today", "return Clock().today"),
    "a constructor": ("order -> Late.__init__", "return Late()"),
    "a default factory": ("order -> Stamped.at", "return Stamped()"),
    "an annotated argument": ("order -> Clock.now", "return argument.now()"),
    "an item of a list": ("order -> Clock.now", "return [clock.now() for clock in clocks]"),
    "a context manager": ("order -> Clock.__enter__", "with Clock() as clock:\n        pass"),
    "an attribute of self": ("order -> Holder.read -> Clock.now", "return Holder(1).read()"),
    "a decorator": ("order -> timed_function -> timed.wrapper", "return timed_function()"),
    "a decorator with arguments": (
        "order -> retried_function -> retried.decorate.wrapper",
        "return retried_function()",
    ),
    "an object of the module": ("order -> Clock.now", "return CLOCK.now()"),
    "what a function gives": ("order -> Clock.now", "return make_clock().now()"),
}
SHAPES = """
import functools
import time
from dataclasses import dataclass, field
from sagaline import workflow

def stamp(number):
    return time.time()

class Clock:
    def read(self):
        return self.now()

    def now(self):
        return time.time()

    @staticmethod
    def plain():
        return time.time()

    @property
    def today(self):
        return time.time()

    def __enter__(self):
        return time.time()

    def __exit__(self, *error): ...

class Watch(Clock): ...

class Late:
    def __init__(self):
        self.at = time.time()

@dataclass
class Stamped:
    at: float = field(default_factory=time.time)

class Holder:
    def __init__(self, number: int) -> None:
        self.number = number
        self.clock = Clock()

    def read(self):
        return self.clock.now()

def make_clock() -> "Clock | None": ...

def timed(function):
    @functools.wraps(function)
    def wrapper():
        return time.time()
    return wrapper

def retried(times):
    def decorate(function):
        def wrapper():
            return time.time()
        return wrapper
    return decorate

@timed
def timed_function(): ...

@retried(3)
def retried_function(): ...

CLOCK = Clock()
TABLE = {"stamp": stamp}
LAMBDAS = [lambda: stamp(1)]

async def part_code():
    return time.time()

part = workflow(part_code)

@workflow
async def order(argument: Clock, clocks: list[Clock]):
    @CALL@
"""


@pytest.mark.parametrize("shape", CALLS)
def test_a_function_is_found_however_it_is_called(check_code: Check, shape: str) -> None:
    path, call = CALLS[shape]
    report = check_code(main=SHAPES.replace("@CALL@", call).replace("part = workflow(part_code)", PART))
    assert path in paths(report)


PART = """@workflow
async def part():
    return part_stamp()

def part_stamp():
    return time.time()
"""


def test_a_workflow_may_be_made_without_a_decorator(check_code: Check) -> None:
    report = check_code(main=SHAPES.replace("@CALL@", "pass"))
    assert report.workflows == 2
    assert paths(report) == ["part_code"]
