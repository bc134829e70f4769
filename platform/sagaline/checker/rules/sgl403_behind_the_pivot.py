"""Steps behind the pivot of a saga that could be undone: nothing is undone there."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.kinds import is_saga
from sagaline.checker.rules.rule import Match, Rule
from sagaline.checker.rules.steps import class_of, is_undone, step_of


def _check(body: Body) -> Iterator[Match]:
    """A step in a statement that comes behind that of the pivot, in the same block: then the pivot is done for sure."""
    if not is_saga(body.function, body.evaluator):
        return
    behind: dict[ast.stmt, str] = {}
    for statements in _blocks(body):
        pivot = ""
        for statement in statements:
            if pivot:
                behind.setdefault(statement, pivot)
            elif isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign):
                pivot = _pivot_in(body, statement)
    for call in body.of_type(ast.Call):
        step = step_of(body, call)
        if step is None or class_of(call, step) != "" or not is_undone(body, call, step):
            continue
        if pivot := _pivot_before(body, call, behind):
            what = f"{step.qualified_name} has a compensation, and is called behind the pivot {pivot}: it parks the run"
            fix = "call it before the pivot, or say retriable=True, or compensation=None at the call"
            yield Match(call, what, fix)


def _blocks(body: Body) -> Iterator[list[ast.stmt]]:
    parents: list[ast.AST] = [body.function.node, *body.of_type(ast.stmt)]
    for parent in parents:
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(parent, name, None)
            if isinstance(statements, list):
                yield statements


def _pivot_in(body: Body, statement: ast.stmt) -> str:
    """The pivot that a statement awaits by itself, not in a branch of it."""
    value = getattr(statement, "value", None)
    call = value.value if isinstance(value, ast.Await) else None
    if not isinstance(call, ast.Call):
        return ""
    step = step_of(body, call)
    return step.qualified_name if step is not None and class_of(call, step) == "pivot" else ""


def _pivot_before(body: Body, call: ast.Call, behind: dict[ast.stmt, str]) -> str:
    node: ast.AST | None = call
    while node is not None:
        if isinstance(node, ast.stmt) and node in behind:
            return behind[node]
        node = body.parents.get(node)
    return ""


RULE = Rule("SGL403", "Behind the pivot", Severity.ERROR, _check)
