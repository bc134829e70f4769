"""Queries and validators that change the run they ask."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.kinds import handler_word, is_step
from sagaline.checker.library import WORKFLOW
from sagaline.checker.rules.rule import Match, Rule
from sagaline.checker.rules.stores import changes_of_self
from sagaline.checker.sources import text_of
from sagaline.checker.symbols import Function
from sagaline.checker.versions.reach import TIMERS, is_command

_ASKING = {"query": "a query", "validator": "a validator"}
_MOVES = {
    "asyncio.create_task",
    "asyncio.ensure_future",
    "asyncio.Event.set",
    "asyncio.Event.clear",
    "asyncio.Future.set_result",
    "asyncio.Future.set_exception",
    "asyncio.Future.cancel",
    "asyncio.Task.cancel",
    "asyncio.Queue.put_nowait",
    "asyncio.Queue.get_nowait",
    *(f"asyncio.AbstractEventLoop.{name}" for name in ("call_soon", "call_later", "call_at", "create_task")),
    *(f"{WORKFLOW}.{name}" for name in ("random", "uuid4", "uuid7")),
}
_FIX = "change it in a signal or an update, and let this one answer from what is there"


def _check(body: Body) -> Iterator[Match]:
    what = _ASKING.get(handler_word(body.function, body.evaluator))
    if what is None:
        return
    for part in changes_of_self(body.function):
        if isinstance(part, ast.Attribute | ast.Subscript):
            yield Match(part, f"{text_of(part)} is changed by {what}, which may change nothing", _FIX)
    for call in body.of_type(ast.Call):
        callee, name = body.value(call.func), body.external(call.func)
        is_method = isinstance(callee, Function) and callee.cls is not None
        if is_step(callee, body.evaluator) or name in _MOVES or name in TIMERS or is_command(name):
            yield Match(call, f"{text_of(call.func)} is called by {what}, which may change nothing", _FIX)
        elif isinstance(callee, Function) and is_method and any(changes_of_self(callee)):
            yield Match(call, f"{callee.qualified_name} changes the run, and {what} may change nothing", _FIX)


RULE = Rule("SGL304", "Queries that change the run", Severity.ERROR, _check)
