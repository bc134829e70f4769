"""Steps of a strict saga that do not say what becomes of their effect."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.kinds import is_saga
from sagaline.checker.rules.rule import Match, Rule
from sagaline.checker.rules.steps import class_of, is_undone, step_of


def _check(body: Body) -> Iterator[Match]:
    if not is_saga(body.function, body.evaluator) or not _is_strict(body):
        return
    for call in body.of_type(ast.Call):
        step = step_of(body, call)
        if step is not None and class_of(call, step) == "" and not is_undone(body, call, step):
            what = f"{step.qualified_name} does not say what becomes of its effect: in a strict saga that parks the run"
            fix = f"declare @{step.name}.compensation, or say read_only, irreversible, pivot or retriable"
            yield Match(call, what, fix)


def _is_strict(body: Body) -> bool:
    return any(
        word.arg == "strict" and isinstance(word.value, ast.Constant) and word.value.value is True
        for decorator in body.function.decorators
        if isinstance(decorator, ast.Call)
        for word in decorator.keywords
    )


RULE = Rule("SGL404", "Unsaid in a strict saga", Severity.ERROR, _check)
