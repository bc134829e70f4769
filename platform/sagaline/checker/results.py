"""What calls, operators and displays give."""

from __future__ import annotations

import ast
from dataclasses import replace

from sagaline.checker.annotations import annotated, is_steady
from sagaline.checker.evaluator import Evaluator, Scope
from sagaline.checker.library import ACTIVITY, CONTAINERS, PASSED_ON, RESULTS, SAGA, SET_METHODS, WORKFLOW
from sagaline.checker.symbols import Class, Function
from sagaline.checker.values import SET, External, Instance, Member, Value, instance_of, is_set

_SET_OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
_DECORATORS = (ACTIVITY, WORKFLOW, SAGA)


def call_result(evaluator: Evaluator, call: ast.Call, scope: Scope) -> Value | None:
    """What a call gives."""
    callee = evaluator.value(call.func, scope)
    if isinstance(callee, Class):
        return Instance(callee)
    if isinstance(callee, Function):
        return evaluator.returned(callee)
    if isinstance(callee, Member):
        return callee.function if callee.name == "options" else callee if callee.name == "compensation" else None
    if isinstance(callee, External):
        return _external_result(evaluator, callee.name, call, scope)
    if isinstance(call.func, ast.Call):  # functools.wraps(f)(wrapper)
        return evaluator.value(call.func, scope)
    return None


def _external_result(evaluator: Evaluator, name: str, call: ast.Call, scope: Scope) -> Value | None:
    if name in _DECORATORS:
        function = evaluator.value(call.args[0], scope) if call.args else None
        return replace(function, made_by=name) if isinstance(function, Function) else External(name)
    if name in PASSED_ON and call.args:
        return evaluator.value(call.args[0], scope)
    if name == "typing.cast" and len(call.args) == 2:
        return annotated(call.args[0], lambda part: evaluator.value(part, scope))
    if name in ("builtins.set", "builtins.frozenset"):
        source = evaluator.value(call.args[0], scope) if call.args else None
        return _set_of(source.item if isinstance(source, Instance) else None)
    if name in ("builtins.sorted", "builtins.list", "builtins.tuple", "builtins.reversed") and call.args:
        source = evaluator.value(call.args[0], scope)
        return Instance(External("builtins.list"), source.item if isinstance(source, Instance) else None)
    owner, _, method = name.rpartition(".")
    if owner == SET.name and method in SET_METHODS:
        return Instance(SET)
    if name in RESULTS:
        return instance_of(RESULTS[name])
    if name in CONTAINERS:
        return instance_of(CONTAINERS[name])
    return instance_of(name) if method[:1].isupper() else None


def operator_result(evaluator: Evaluator, expression: ast.BinOp, scope: Scope) -> Value | None:
    """What a binary operator gives: operators of sets, and the ``/`` of paths."""
    left = evaluator.value(expression.left, scope)
    if isinstance(expression.op, ast.Div):
        return left if left == instance_of("pathlib.Path") else None
    if isinstance(expression.op, _SET_OPERATORS):
        right = evaluator.value(expression.right, scope)
        return Instance(SET) if is_set(left) or (is_set(right) and _is_keys(expression.left)) else None
    return None


def _is_keys(node: ast.expr) -> bool:
    """``entries.keys()``, whose operators give sets."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("keys", "items")


def plain_result(evaluator: Evaluator, expression: ast.expr, scope: Scope) -> Value | None:
    """What displays, subscripts, awaits and conditions give."""
    if isinstance(expression, ast.Await):
        return evaluator.value(expression.value, scope)
    if isinstance(expression, ast.NamedExpr):
        return evaluator.value(expression.value, scope)
    if isinstance(expression, ast.IfExp | ast.BoolOp):
        return _agreed(evaluator, expression, scope)
    if isinstance(expression, ast.Constant):
        return instance_of(f"builtins.{type(expression.value).__name__}")
    if isinstance(expression, ast.Set):
        return _set_of(_item(evaluator, expression.elts, scope))
    if isinstance(expression, ast.SetComp):
        return _set_of(evaluator.value(expression.elt, scope))
    if isinstance(expression, ast.List | ast.Tuple):
        return Instance(External("builtins.list"), _item(evaluator, expression.elts, scope))
    if isinstance(expression, ast.ListComp | ast.GeneratorExp):
        return Instance(External("builtins.list"), evaluator.value(expression.elt, scope))
    if isinstance(expression, ast.Dict | ast.DictComp):
        return instance_of("builtins.dict")
    if isinstance(expression, ast.Subscript):
        owner = evaluator.value(expression.value, scope)
        if isinstance(owner, External | Class) and _is_class(owner):  # Signal[str]
            return owner
        is_part = not isinstance(expression.slice, ast.Slice)
        return owner.item if isinstance(owner, Instance) and is_part else owner if isinstance(owner, Instance) else None
    return None


def _is_class(value: External | Class) -> bool:
    return isinstance(value, Class) or value.name.rpartition(".")[2][:1].isupper()


def _agreed(evaluator: Evaluator, expression: ast.IfExp | ast.BoolOp, scope: Scope) -> Value | None:
    """The value of all alternatives, if it is the same."""
    parts = [expression.body, expression.orelse] if isinstance(expression, ast.IfExp) else expression.values
    values = [evaluator.value(part, scope) for part in parts]
    return values[0] if all(value == values[0] for value in values) else None


def _item(evaluator: Evaluator, parts: list[ast.expr], scope: Scope) -> Value | None:
    """The value of all parts of a display, if they are of one kind."""
    values = [evaluator.value(part, scope) for part in parts]
    return values[0] if values and all(value == values[0] for value in values) else None


def _set_of(item: Value | None) -> Value | None:
    """A set, unless its items have the same order in every process."""
    return None if is_steady(item) else Instance(SET, item)
