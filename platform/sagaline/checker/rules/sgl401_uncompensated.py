"""Steps of a saga that nothing undoes when a later one fails."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.kinds import is_saga
from sagaline.checker.rules.rule import Match, Rule
from sagaline.checker.rules.steps import class_of, is_undone, step_of


def _check(body: Body) -> Iterator[Match]:
    """The steps that the saga's own function calls, in the order in which they are written."""
    if not is_saga(body.function, body.evaluator):
        return
    steps = [(call, step) for call in body.of_type(ast.Call) if (step := step_of(body, call)) is not None]
    undone = [class_of(call, step) != "" or is_undone(body, call, step) for call, step in steps]
    for number, (call, step) in enumerate(steps):
        if not undone[number] and number + 1 < len(steps) and True in undone and not _is_returned(body, call):
            following = steps[number + 1][1].qualified_name
            what = f"{step.qualified_name} has no compensation: its effect stays when {following} fails"
            fix = f"declare one with @{step.name}.compensation, do it last, or say read_only=True or irreversible=True"
            yield Match(call, what, fix)


def _is_returned(body: Body, call: ast.Call) -> bool:
    """Whether the saga ends with a step: nothing follows it."""
    parent: ast.AST | None = call
    while parent is not None and not isinstance(parent, ast.stmt):
        parent = body.parents.get(parent)
    return isinstance(parent, ast.Return)


RULE = Rule("SGL401", "Steps that nothing undoes", Severity.HINT, _check)
