"""What an expression stands for, as far as the code shows it. None, in place of a value, means that it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sagaline.checker.symbols import Class, Function, Module


@dataclass(frozen=True)
class External:
    """Something outside of the code that is checked, by its full name: ``time.time``, ``builtins.open``."""

    name: str


@dataclass(frozen=True)
class Instance:
    """An object of a class. ``item`` is what iterating over it, or a subscript, gives."""

    type: Class | External
    item: Value | None = None


@dataclass(frozen=True)
class Member:
    """An attribute of a function that is decorated by us: ``reserve.compensation``, ``pay.inline``."""

    function: Function
    name: str


Value: TypeAlias = External | Instance | Member | Module | Class | Function

SET = External("builtins.set")


def is_set(value: Value | None) -> bool:
    """Whether it is a set whose order differs between processes."""
    return isinstance(value, Instance) and value.type == SET


def instance_of(name: str) -> Instance:
    """An object of a class outside of the code that is checked."""
    return Instance(External(name))
