"""What code stores to, and changes: for rules that look for state."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeAlias

from sagaline.checker.symbols import Function, own_nodes

MUTATORS = set(
    "append extend insert remove pop popitem clear add discard update setdefault sort reverse appendleft popleft "
    "extendleft rotate subtract move_to_end difference_update intersection_update symmetric_difference_update".split()
)
"""Methods of containers that change them."""
Storing: TypeAlias = ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete | ast.For | ast.AsyncFor


def targets_of(node: Storing) -> list[ast.expr]:
    """What a statement stores to, or deletes."""
    targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
    return [part for target in targets for part in (target.elts if isinstance(target, ast.Tuple) else [target])]


def base_of(expression: ast.expr) -> ast.expr:
    """The object that a chain of attributes and subscripts begins with."""
    while isinstance(expression, ast.Attribute | ast.Subscript):
        expression = expression.value
    return expression


def changed_parts(function: Function, name: str) -> Iterator[ast.expr]:
    """Where a function changes an object that it knows under a name: attributes, items, calls of mutators."""
    for node in own_nodes(function.node):
        parts: list[ast.expr] = []
        if isinstance(node, Storing):
            parts = [target for target in targets_of(node) if isinstance(target, ast.Attribute | ast.Subscript)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            parts = [node.func]
        for part in parts:
            base = base_of(part)
            if isinstance(base, ast.Name) and base.id == name:
                yield part


def changes_of_self(method: Function) -> Iterator[ast.expr]:
    """Where a method changes its object."""
    arguments = getattr(method.node, "args", None)
    if isinstance(arguments, ast.arguments) and arguments.args:
        yield from changed_parts(method, arguments.args[0].arg)
