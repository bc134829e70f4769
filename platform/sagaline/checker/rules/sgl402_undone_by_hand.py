"""Compensations that a saga calls itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.kinds import Kind, is_saga, kind_of
from sagaline.checker.rules.rule import Match, Rule
from sagaline.checker.symbols import Function


def _check(body: Body) -> Iterator[Match]:
    if not is_saga(body.function, body.evaluator):
        return
    for call in body.of_type(ast.Call):
        callee = body.value(call.func)
        if isinstance(callee, Function) and kind_of(callee, body.evaluator) is Kind.COMPENSATION:
            what = f"{callee.qualified_name} is called by hand: when the saga fails later, it runs once more"
            fix = "raise, and the saga undoes its steps; or see that undoing twice does no harm"
            yield Match(call, what, fix)


RULE = Rule("SGL402", "Undone by hand", Severity.HINT, _check)
