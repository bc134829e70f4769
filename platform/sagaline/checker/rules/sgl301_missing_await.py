"""Coroutines that nobody awaits: the step is never done."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.kinds import Kind, is_step, kind_of
from sagaline.checker.rules.rule import Match, Rule, shown
from sagaline.checker.sources import text_of
from sagaline.checker.symbols import Function, own_nodes

_COROUTINES = (
    {f"asyncio.{name}" for name in ("sleep", "wait", "wait_for")}
    | {
        f"asyncio.{owner}.{name}"
        for owner, names in (
            ("Event", "wait"),
            ("Lock", "acquire"),
            ("Semaphore", "acquire"),
            ("BoundedSemaphore", "acquire"),
            ("Condition", "acquire wait wait_for"),
            ("Queue", "get put join"),
            ("Barrier", "wait"),
        )
        for name in names.split()
    }
    | {f"sagaline.workflow.{name}" for name in ("sleep", "wait_condition")}
    | {"anyio.sleep", "sagaline.Signal.receive"}
)


def _check(body: Body) -> Iterator[Match]:
    for node in body.nodes:
        if isinstance(node, ast.Expr):
            yield from _dropped(body, node.value, "is not awaited: it never runs")
        elif isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
            yield from _dropped(body, node.test, "is a coroutine, and so always true: it is not awaited")
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield from _dropped(body, node.operand, "is a coroutine, and so always true: it is not awaited")
        elif isinstance(node, ast.Compare):
            for part in (node.left, *node.comparators):
                yield from _dropped(body, part, "is a coroutine, not its result: it is not awaited")
        elif isinstance(node, ast.FormattedValue):
            yield from _dropped(body, node.value, "is a coroutine, not its result: it is not awaited")
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            if not _is_read(body, node.targets[0].id):
                yield from _dropped(body, node.value, "is not awaited: it never runs")


def _dropped(body: Body, expression: ast.expr, said: str) -> Iterator[Match]:
    if not isinstance(expression, ast.Call):
        return
    name = _coroutine(body, expression)
    if name:
        yield Match(expression, f"{name} {said}", f"write `await {text_of(expression.func)}(...)`")


def _coroutine(body: Body, call: ast.Call) -> str:
    """The name of the async function or activity that a call calls; nothing when it is another call."""
    callee = body.value(call.func)
    if isinstance(callee, Function):
        is_workflow = kind_of(callee, body.evaluator) is Kind.WORKFLOW
        if is_step(callee, body.evaluator) or is_workflow or (callee.is_async and not _is_generator(callee)):
            return callee.qualified_name
        return ""
    name = body.external(call.func)
    return shown(name) if name in _COROUTINES else ""


def _is_generator(function: Function) -> bool:
    """An async function that yields gives an iterator; one that a decorator wraps may give anything."""
    return bool(function.decorators) or any(isinstance(node, ast.Yield) for node in own_nodes(function.node))


def _is_read(body: Body, name: str) -> bool:
    around = body.function.parent
    return (around is not None and name in body.evaluator.names(body.scope).declared) or any(
        isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Store)
        for node in ast.walk(body.function.node)
    )


RULE = Rule("SGL301", "Missing await", Severity.ERROR, _check)
