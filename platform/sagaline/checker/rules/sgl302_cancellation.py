"""Cancellation that is swallowed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.rules.rule import Match, Rule
from sagaline.checker.sources import text_of

_CANCELLED = {"asyncio.CancelledError", "builtins.BaseException", "asyncio.exceptions.CancelledError"}
_FIX = "clean up and `raise`, or catch Exception, which leaves cancellation alone"


def _check(body: Body) -> Iterator[Match]:
    for node in body.nodes:
        if (
            isinstance(node, ast.Try | ast.TryStar)
            and _waits(body, node.body)
            and not _awaits_cancelled(body, node.body)
        ):
            for handler in node.handlers:
                caught = _catches(body, handler)
                if caught and not any(isinstance(inner, ast.Raise) for inner in body.within(handler)):
                    what = f"{caught} swallows a cancellation: the run goes on as if nobody had asked it to stop"
                    yield Match(handler, what, _FIX)
                if caught:
                    break
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                yield from _suppressed(body, item.context_expr, node.body)


def _suppressed(body: Body, expression: ast.expr, inside: list[ast.stmt]) -> Iterator[Match]:
    if isinstance(expression, ast.Call) and body.external(expression.func) == "contextlib.suppress":
        if _waits(body, inside) and not _awaits_cancelled(body, inside):
            for argument in expression.args:
                if body.external(argument) in _CANCELLED:
                    yield Match(argument, "contextlib.suppress swallows a cancellation here", _FIX)


def _catches(body: Body, handler: ast.ExceptHandler) -> str:
    """How a handler catches cancellation; nothing when it does not."""
    if handler.type is None:
        return "`except:`"
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    for kind in types:
        if body.external(kind) in _CANCELLED:
            return f"`except {text_of(kind)}`"
    return ""


def _waits(body: Body, statements: list[ast.stmt]) -> bool:
    """Whether a cancellation can arrive in these statements."""
    kinds = (ast.Await, ast.AsyncFor, ast.AsyncWith)
    return any(isinstance(node, kinds) for statement in statements for node in body.within(statement))


def _awaits_cancelled(body: Body, statements: list[ast.stmt]) -> bool:
    """Whether all that they await is what this function has cancelled itself: `task.cancel()`, then `await task`."""
    cancelled = {
        text_of(call.func.value)
        for call in body.of_type(ast.Call)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "cancel"
    }
    awaited = [
        text_of(node.value)
        for statement in statements
        for node in body.within(statement)
        if isinstance(node, ast.Await)
    ]
    return bool(awaited) and all(text in cancelled for text in awaited)


RULE = Rule("SGL302", "Swallowed cancellation", Severity.WARNING, _check)
