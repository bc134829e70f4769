"""Workflows that are called like functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.kinds import Kind, kind_of
from sagaline.checker.rules.rule import Match, Rule
from sagaline.checker.symbols import Function


def _check(body: Body) -> Iterator[Match]:
    for call in body.of_type(ast.Call):
        callee = body.value(call.func)
        is_inline = isinstance(call.func, ast.Attribute) and call.func.attr == "inline"
        if isinstance(callee, Function) and not is_inline and kind_of(callee, body.evaluator) is Kind.WORKFLOW:
            what = f"{callee.name} is a workflow, and a plain call of it raises"
            yield Match(call, what, f"as a part of this run: `await {callee.name}.inline(...)`")


RULE = Rule("SGL305", "Workflows called like functions", Severity.ERROR, _check)
