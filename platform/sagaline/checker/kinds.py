"""What a function is for us: workflow, handler, activity, compensation, or plain code."""

from __future__ import annotations

import ast
from enum import Enum

from sagaline.checker.evaluator import Evaluator, around
from sagaline.checker.library import ACTIVITY, HANDLERS, SAGA, WORKFLOW
from sagaline.checker.symbols import Class, Function
from sagaline.checker.values import External, Instance, Member, Value


class Kind(Enum):
    """The first three run on the deterministic loop; the checker stops at activities."""

    PLAIN = "plain"
    WORKFLOW = "workflow"
    HANDLER = "handler"
    ACTIVITY = "activity"
    COMPENSATION = "compensation"


_HANDLERS = {f"{WORKFLOW}.{name}" for name in HANDLERS}
_STEPS = (Kind.ACTIVITY, Kind.COMPENSATION)


def kind_of(function: Function, evaluator: Evaluator) -> Kind:
    """What a function is, by its decorators."""
    if function.made_by:
        return _kind_by(External(function.made_by), evaluator)
    for decorator in function.decorators:
        value = evaluator.value(plain(decorator), around(function))
        kind = _kind_by(value, evaluator)
        if kind is not Kind.PLAIN:
            return kind
    return Kind.PLAIN


def is_step(value: Value | None, evaluator: Evaluator) -> bool:
    """Whether a value is an activity or a compensation."""
    return isinstance(value, Function) and kind_of(value, evaluator) in _STEPS


def handler_word(function: Function, evaluator: Evaluator) -> str:
    """``query``, ``signal``, ``update``, ``validator``, ``run`` or ``init``; nothing for what is no handler."""
    for decorator in function.decorators:
        value = evaluator.value(plain(decorator), around(function))
        if isinstance(value, External) and value.name in _HANDLERS:
            return value.name.rpartition(".")[2]
        if _kind_by(value, evaluator) is Kind.HANDLER:
            return "validator"
    return ""


def is_child(node: ast.expr, value: Value | None, owner: Value | None, evaluator: Evaluator) -> bool:
    """Whether calling an expression starts a child: a workflow, unless ``.inline`` makes it a part of the caller.

    ``owner`` is what the expression is an attribute of: through its class, ``Order.run`` is a workflow, on an object a
    method.
    """
    if not isinstance(value, Function) or (isinstance(node, ast.Attribute) and node.attr == "inline"):
        return False
    if value.cls is not None:
        return not isinstance(owner, Instance) and handler_word(value, evaluator) == "run"
    return kind_of(value, evaluator) is Kind.WORKFLOW


def is_saga(function: Function, evaluator: Evaluator) -> bool:
    """Whether a function is decorated with ``@saga``."""
    return function.made_by == SAGA or any(
        evaluator.value(plain(decorator), around(function)) == External(SAGA) for decorator in function.decorators
    )


def is_workflow_class(cls: Class, evaluator: Evaluator) -> bool:
    """Whether a class is decorated with ``@workflow`` or ``@saga``."""
    wanted = (External(WORKFLOW), External(SAGA))
    return any(evaluator.value(plain(decorator), around(cls)) in wanted for decorator in cls.node.decorator_list)


def plain(decorator: ast.expr) -> ast.expr:
    """A decorator without its arguments."""
    return decorator.func if isinstance(decorator, ast.Call) else decorator


def has_decorator(function: Function, *names: str) -> bool:
    """Whether a decorator has one of these as its last name."""
    for decorator in function.decorators:
        node = plain(decorator)
        last = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if last in names:
            return True
    return False


def _kind_by(decorator: Value | None, evaluator: Evaluator) -> Kind:
    if isinstance(decorator, External):
        if decorator.name in (WORKFLOW, SAGA):
            return Kind.WORKFLOW
        if decorator.name == ACTIVITY:
            return Kind.ACTIVITY
        return Kind.HANDLER if decorator.name in _HANDLERS else Kind.PLAIN
    if isinstance(decorator, Member):
        if decorator.name in ("compensation", "fallback") and is_step(decorator.function, evaluator):
            return Kind.COMPENSATION
        if decorator.name == "validator" and kind_of(decorator.function, evaluator) is Kind.HANDLER:
            return Kind.HANDLER
    return Kind.PLAIN
