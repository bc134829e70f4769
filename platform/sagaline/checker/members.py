"""Members of classes and of their objects."""

from __future__ import annotations

import ast

from sagaline.checker.annotations import annotated
from sagaline.checker.evaluator import Evaluator, around
from sagaline.checker.kinds import has_decorator
from sagaline.checker.symbols import Class, Function
from sagaline.checker.values import Instance, Value

_BASES = 40
"""Bases above one another; classes that are each other's base end here."""


def member(evaluator: Evaluator, cls: Class, name: str, depth: int = 0) -> Value | None:
    """A name in a class or its bases."""
    bindings = cls.names.bindings.get(name)
    if bindings:
        return evaluator.bound(bindings[-1], cls, name)
    for base in cls.node.bases if depth < _BASES else ():
        parent = evaluator.value(base, around(cls))
        value = member(evaluator, parent, name, depth + 1) if isinstance(parent, Class) else None
        if value is not None:
            return value
    return None


def method(evaluator: Evaluator, value: Value | None, name: str) -> Function | None:
    """The method of an object of a class that is checked."""
    if isinstance(value, Instance) and isinstance(value.type, Class):
        function = member(evaluator, value.type, name)
        return function if isinstance(function, Function) else None
    return None


def is_property(function: Function) -> bool:
    """Whether reading the attribute calls the function."""
    return has_decorator(function, "property", "cached_property")


def of_instance(evaluator: Evaluator, cls: Class, name: str) -> Value | None:
    """An attribute of an object: of its class, or set on self in ``__init__``."""
    value = member(evaluator, cls, name)
    if isinstance(value, Function) and is_property(value):
        return evaluator.returned(value)
    return value if value is not None else _set_on_self(evaluator, cls, name)


def _set_on_self(evaluator: Evaluator, cls: Class, name: str) -> Value | None:
    init = member(evaluator, cls, "__init__")
    if not isinstance(init, Function):
        return None
    for node in ast.walk(init.node):
        if isinstance(node, ast.AnnAssign) and _is_attribute(node.target, name):
            return annotated(node.annotation, lambda part: evaluator.value(part, init))
        if isinstance(node, ast.Assign) and _is_attribute(node.targets[0], name):
            return evaluator.value(node.value, init)
    return None


def _is_attribute(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Attribute) and target.attr == name


def entered(evaluator: Evaluator, value: Value | None) -> Value | None:
    """What ``with value as name`` binds."""
    for name in ("__aenter__", "__enter__"):
        function = method(evaluator, value, name)
        if function is not None:
            return evaluator.returned(function) or value
    return value
