"""The order of sets."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.library import STEADY_ELEMENTS
from sagaline.checker.rules.rule import Match, Rule
from sagaline.checker.sources import text_of
from sagaline.checker.values import External, Instance, is_set

_FIX = "sort it first, as in `for item in sorted(items)`, or keep a list or a dict"
_ORDERED = {"list", "tuple", "enumerate", "iter", "map", "filter", "zip", "reversed", "next", "dict", "dict.fromkeys"}
_ORDERED_NAMES = {f"builtins.{name}" for name in _ORDERED} | {
    "collections.deque",
    "itertools.chain",
    "itertools.islice",
}
_WHATEVER_ORDER = {
    f"builtins.{name}" for name in ("sorted", "sum", "any", "all", "min", "max", "len", "set", "frozenset")
} | {"collections.Counter", "math.fsum"}


def _check(body: Body) -> Iterator[Match]:
    for node in body.nodes:
        if isinstance(node, ast.For | ast.AsyncFor):
            yield from _ordered(body, node.iter)
        elif isinstance(node, ast.ListComp | ast.DictComp | ast.GeneratorExp):
            if not _is_unordered(body, node):
                for generator in node.generators:
                    yield from _ordered(body, generator.iter)
        elif isinstance(node, ast.Starred):
            if not isinstance(body.parents.get(node), ast.Set):
                yield from _ordered(body, node.value)
        elif isinstance(node, ast.Call):
            yield from _consumed(body, node)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple | ast.List):
            yield from _ordered(body, node.value)


def _consumed(body: Body, call: ast.Call) -> Iterator[Match]:
    name = body.external(call.func)
    if name in _ORDERED_NAMES and not _is_unordered(body, call):
        for argument in call.args:
            yield from _ordered(body, argument)
    elif isinstance(call.func, ast.Attribute):
        if call.func.attr == "join" and len(call.args) == 1:
            yield from _ordered(body, call.args[0])
        elif call.func.attr == "pop" and not call.args:
            yield from _ordered(body, call.func.value)


def _is_unordered(body: Body, node: ast.expr) -> bool:
    """Whether what takes the items in does not mind their order."""
    parent = body.parents.get(node)
    return isinstance(parent, ast.Call) and body.external(parent.func) in _WHATEVER_ORDER


def _ordered(body: Body, expression: ast.expr) -> Iterator[Match]:
    if is_set(body.value(expression)) and not _holds_steady_items(body, expression):
        yield Match(expression, f"the order of the set `{text_of(expression)}` is another in each process", _FIX)


def _holds_steady_items(body: Body, expression: ast.expr) -> bool:
    """Whether all that is added to a set in this function are tasks or numbers, whose order is the same everywhere."""
    if not isinstance(expression, ast.Name):
        return False
    added = [
        call.args[0]
        for call in body.of_type(ast.Call)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "add"
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == expression.id
        and call.args
    ]
    values = [body.value(item) for item in added]
    return bool(values) and all(
        isinstance(value, Instance) and isinstance(value.type, External) and value.type.name in STEADY_ELEMENTS
        for value in values
    )


RULE = Rule("SGL106", "The order of sets", Severity.ERROR, _check)
