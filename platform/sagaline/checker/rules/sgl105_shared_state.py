"""State that outlives a run: globals, and objects of a module or a class."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.kinds import is_step
from sagaline.checker.rules.rule import Match, Rule
from sagaline.checker.rules.stores import MUTATORS, Storing, base_of, changed_parts, changes_of_self, targets_of
from sagaline.checker.sources import text_of
from sagaline.checker.symbols import Class, Definition, Function, Module
from sagaline.checker.values import External, Instance

_FIX = "keep it in the workflow's own variables, or in an activity's database"
_CONTAINERS = ("builtins.list", "builtins.dict", "builtins.set")
_LOOP_BOUND = {
    f"asyncio.{name}"
    for name in "Lock Event Condition Semaphore BoundedSemaphore Barrier Queue PriorityQueue LifoQueue Future".split()
}


def _check(body: Body) -> Iterator[Match]:
    for node in body.nodes:
        if isinstance(node, Storing):
            for target in targets_of(node):
                yield from _stored(body, target)
        elif isinstance(node, ast.Call):
            yield from _called(body, node)
    for reference in body.references():
        yield from _read(body, reference)


def _stored(body: Body, target: ast.expr) -> Iterator[Match]:
    if isinstance(target, ast.Name):
        if target.id in body.evaluator.names(body.scope).declared and isinstance(
            body.evaluator.owner_of(target.id, body.scope), Module
        ):
            yield Match(target, f"the global {target.id} is assigned: it is shared by all runs of the process", _FIX)
    elif isinstance(target, ast.Attribute | ast.Subscript):
        shared = _shared(body, target.value)
        if shared:
            yield Match(target, f"{shared} is changed, and is shared by all runs of the process", _FIX)


def _called(body: Body, call: ast.Call) -> Iterator[Match]:
    if body.external(call.func) == "builtins.next" and call.args and body.variable(call.args[0]):
        what = f"{text_of(call.args[0])} is one iterator for all runs of the process"
        yield Match(call, what, "count in a variable of the workflow")
    if not isinstance(call.func, ast.Attribute):
        return
    base = base_of(call.func.value)
    shared = _shared(body, call.func.value)
    if not shared:
        return
    value = body.value(base)
    is_container = isinstance(value, Instance) and isinstance(value.type, External) and value.type.name in _CONTAINERS
    method = body.value(call.func)
    if call.func.attr in MUTATORS and (is_container or isinstance(value, Class)):
        yield Match(call.func, f"{text_of(call.func)}() changes what all runs of the process share", _FIX)
    elif isinstance(value, Instance) and isinstance(method, Function) and any(changes_of_self(method)):
        yield Match(call.func, f"{method.qualified_name} changes {shared}, which all runs of the process share", _FIX)


def _read(body: Body, reference: ast.Name | ast.Attribute) -> Iterator[Match]:
    variable = body.variable(reference)
    if variable is None:
        return
    value = body.value(reference)
    kind = value.type.name if isinstance(value, Instance) and isinstance(value.type, External) else ""
    if kind in _LOOP_BOUND:
        what = f"{variable.name} is one {kind} for all runs of the process"
        yield Match(reference, what, "make it in the workflow, so that each run has its own")
    elif not body.function.variable:
        writer = _writer(body, variable.module, variable.name)
        if writer is not None:
            what = f"{variable.name} is read, and {writer.qualified_name} changes it at other times"
            yield Match(
                reference, what, "give it to the run as an argument, or read it in an activity", Severity.WARNING
            )


def _shared(body: Body, expression: ast.expr) -> str:
    """The variable of a module, or the class, that an expression is a part of; nothing when it is the run's own."""
    while True:
        if isinstance(expression, ast.Name | ast.Attribute):
            if body.variable(expression) is not None or isinstance(body.value(expression), Class | Module):
                return text_of(expression)
        if not isinstance(expression, ast.Attribute | ast.Subscript):
            return ""
        expression = expression.value


def _writer(body: Body, module: Module, name: str) -> Function | None:
    """A function of the variable's module that gives it another value; or an activity that changes its content."""
    for bindings in module.names.bindings.values():
        for binding in bindings:
            if not isinstance(binding, Definition):
                continue
            function = body.evaluator.defined(binding.node, module)
            if isinstance(function, Function) and function is not body.function:
                names = body.evaluator.names(function)
                if name in names.declared and name in names.bindings:
                    return function
                if (
                    is_step(function, body.evaluator)
                    and name not in names.bindings
                    and any(changed_parts(function, name))
                ):
                    return function
    return None


RULE = Rule("SGL105", "Shared state", Severity.ERROR, _check)
