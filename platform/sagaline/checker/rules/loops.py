"""Loops without an end, for rules that look at them."""

from __future__ import annotations

import ast

from sagaline.checker.bodies import Body


def is_endless(loop: ast.While) -> bool:
    """Whether it is `while True`, or `while 1`."""
    return isinstance(loop.test, ast.Constant) and bool(loop.test.value)


def ends(body: Body, loop: ast.While) -> bool:
    """Whether something in a loop leaves it: a return, a raise, a break that is its own."""
    return any(
        isinstance(node, ast.Return | ast.Raise) or (isinstance(node, ast.Break) and _loop_of(body, node) is loop)
        for node in body.within(loop)
    )


def _loop_of(body: Body, node: ast.AST) -> ast.AST | None:
    parent = body.parents.get(node)
    while parent is not None and not isinstance(parent, ast.While | ast.For | ast.AsyncFor):
        parent = body.parents.get(parent)
    return parent
