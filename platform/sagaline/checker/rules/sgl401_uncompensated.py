"""Steps of a saga that nothing undoes when a later one fails."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.kinds import Kind, is_saga, kind_of
from sagaline.checker.rules.rule import Match, Rule
from sagaline.checker.symbols import Assignment, Definition, Function
from sagaline.checker.values import Member


def _check(body: Body) -> Iterator[Match]:
    """The steps that the saga's own function calls, in the order in which they are written."""
    if not is_saga(body.function, body.evaluator):
        return
    steps = [(call, step) for call in body.of_type(ast.Call) if (step := _step(body, call)) is not None]
    undone = [_is_compensated(body, step) for _, step in steps]
    for number, (call, step) in enumerate(steps):
        if not undone[number] and number + 1 < len(steps) and True in undone and not _is_returned(body, call):
            following = steps[number + 1][1].qualified_name
            what = f"{step.qualified_name} has no compensation: its effect stays when {following} fails"
            fix = f"declare one with @{step.name}.compensation, or do it last; leave it so if it only reads"
            yield Match(call, what, fix)


def _is_returned(body: Body, call: ast.Call) -> bool:
    """Whether the saga ends with a step: nothing follows it."""
    parent: ast.AST | None = call
    while parent is not None and not isinstance(parent, ast.stmt):
        parent = body.parents.get(parent)
    return isinstance(parent, ast.Return)


def _step(body: Body, call: ast.Call) -> Function | None:
    callee = body.value(call.func)
    is_activity = isinstance(callee, Function) and kind_of(callee, body.evaluator) is Kind.ACTIVITY
    is_call = not (isinstance(call.func, ast.Attribute) and call.func.attr == "options")
    return callee if isinstance(callee, Function) and is_activity and is_call else None


def _is_compensated(body: Body, step: Function) -> bool:
    """Whether something in the step's module or class is declared with its ``.compensation``."""
    scope = step.cls or step.module
    for bindings in scope.names.bindings.values():
        for binding in bindings:
            decorators: list[ast.expr] = []
            if isinstance(binding, Definition):
                decorators = binding.node.decorator_list
            elif isinstance(binding, Assignment) and isinstance(binding.value, ast.Call):
                decorators = [binding.value.func]
            for decorator in decorators:
                value = body.evaluator.value(decorator.func if isinstance(decorator, ast.Call) else decorator, scope)
                if isinstance(value, Member) and value.name == "compensation" and value.function.node is step.node:
                    return True
    return False


RULE = Rule("SGL401", "Steps that nothing undoes", Severity.HINT, _check)
