"""What the rules about sagas ask of a step: which activity a call is of, what undoes it, which class it has."""

from __future__ import annotations

import ast

from sagaline.checker.bodies import Body
from sagaline.checker.kinds import Kind, kind_of
from sagaline.checker.symbols import Assignment, Definition, Function
from sagaline.checker.values import Member

CLASSES = ("read_only", "irreversible", "pivot", "retriable")


def step_of(body: Body, call: ast.Call) -> Function | None:
    """The activity that a call is of."""
    callee = body.value(call.func)
    is_activity = isinstance(callee, Function) and kind_of(callee, body.evaluator) is Kind.ACTIVITY
    is_call = not (isinstance(call.func, ast.Attribute) and call.func.attr == "options")
    return callee if isinstance(callee, Function) and is_activity and is_call else None


def class_of(call: ast.Call, step: Function) -> str | None:
    """The class that a call has, by its ``options`` or by the decorator of its activity; "" for none, None when that
    cannot be seen."""
    said = _said(call.func) if isinstance(call.func, ast.Call) else None
    if said is not None:
        return said
    for decorator in step.decorators:
        if isinstance(decorator, ast.Call):
            said = _said(decorator)
            if said is None and any(word.arg is None for word in decorator.keywords):
                return None
            return said or ""
    return ""


def is_undone(body: Body, call: ast.Call, step: Function) -> bool:
    """Whether a compensation is declared for a step, or given at the call; ``compensation=None`` takes it away."""
    if isinstance(call.func, ast.Call):
        for word in call.func.keywords:
            if word.arg == "compensation":
                return not (isinstance(word.value, ast.Constant) and word.value.value is None)
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


def _said(call: ast.Call) -> str | None:
    """The class among the keywords of a call; None when there is none."""
    for word in call.keywords:
        if word.arg in CLASSES and isinstance(word.value, ast.Constant) and word.value.value is True:
            return word.arg
    return None
