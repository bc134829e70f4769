"""Annotations as values: what ``order: Order``, ``set[str]`` and ``Client | None`` say of a name."""

from __future__ import annotations

import ast
from collections.abc import Callable

from sagaline.checker.library import ABSTRACT, CONTAINERS, STEADY_ELEMENTS
from sagaline.checker.symbols import Class
from sagaline.checker.values import SET, External, Instance, Value

Evaluate = Callable[[ast.expr], Value | None]
_TEXT = 500
"""A longer annotation in quotes is not read."""


def annotated(annotation: ast.expr, evaluate: Evaluate) -> Value | None:
    """An object of the class that an annotation names; None when it names none, or several."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        parsed = _parsed(annotation.value)
        return None if parsed is None else annotated(parsed, evaluate)
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return _either((annotation.left, annotation.right), evaluate)
    if isinstance(annotation, ast.Subscript):
        return _subscripted(annotation, evaluate)
    if not isinstance(annotation, ast.Name | ast.Attribute):
        return None
    value = evaluate(annotation)
    if isinstance(value, Class):
        return Instance(value)
    if isinstance(value, External) and value.name.rpartition(".")[2] not in ABSTRACT:
        return Instance(External(CONTAINERS.get(value.name, value.name)))
    return None


def _subscripted(annotation: ast.Subscript, evaluate: Evaluate) -> Value | None:
    base = evaluate(annotation.value)
    parts = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
    if isinstance(base, Class):
        return Instance(base)
    if not isinstance(base, External):
        return None
    word = base.name.rpartition(".")[2]
    if word in ("Annotated", "Final", "ClassVar", "Optional", "Coroutine", "Awaitable"):
        return annotated(parts[-1] if word == "Coroutine" else parts[0], evaluate)
    if word == "Union":
        return _either(parts, evaluate)
    if word in ("type", "Type"):
        return evaluate(parts[0])
    kind = CONTAINERS.get(base.name)
    if kind is None:
        return None if word in ABSTRACT else Instance(base)
    item = annotated(parts[-1] if kind == "builtins.dict" else parts[0], evaluate)
    if kind == SET.name and is_steady(item):
        return None
    return Instance(External(kind), item)


def is_steady(item: Value | None) -> bool:
    """Whether a set of such items has the same order in every process."""
    return isinstance(item, Instance) and isinstance(item.type, External) and item.type.name in STEADY_ELEMENTS


def _either(parts: tuple[ast.expr, ...] | list[ast.expr], evaluate: Evaluate) -> Value | None:
    """The one alternative that is not None."""
    alternatives = [part for part in parts if not (isinstance(part, ast.Constant) and part.value is None)]
    return annotated(alternatives[0], evaluate) if len(alternatives) == 1 else None


def _parsed(text: str) -> ast.expr | None:
    if len(text) > _TEXT:
        return None
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
