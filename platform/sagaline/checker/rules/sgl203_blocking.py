"""Code that never gives the loop back."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.rules.loops import ends, is_endless
from sagaline.checker.rules.rule import Match, Names, Rule

_ACTIVITY = "call an activity and await it"
_NAMES = Names(
    {
        "builtins.input": "wait for a signal, or ask in an activity",
        "builtins.breakpoint": "remove it; `sagaline replay` runs a run's history under a debugger",
        "pdb.set_trace": "remove it; `sagaline replay` runs a run's history under a debugger",
        "getpass.getpass": "wait for a signal, or ask in an activity",
        "select.select": _ACTIVITY,
        "concurrent.futures.wait": _ACTIVITY,
        "concurrent.futures.as_completed": _ACTIVITY,
        **{f"concurrent.futures.Future.{name}": _ACTIVITY for name in ("result", "exception")},
        **{
            f"queue.{kind}.{name}": "use asyncio.Queue"
            for kind in ("Queue", "SimpleQueue", "LifoQueue", "PriorityQueue")
            for name in ("get", "put", "join")
        },
    }
)
_WAITS = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)


def _check(body: Body) -> Iterator[Match]:
    yield from _NAMES.matches(body, "{} holds up every run of the worker")
    for loop in body.of_type(ast.While):
        if is_endless(loop) and not ends(body, loop):
            if not any(isinstance(node, _WAITS) for node in body.within(loop)):
                what = "`while True` without an await never gives the loop back"
                yield Match(loop, what, "await what it waits for: a signal, workflow.wait_condition, a timer")


RULE = Rule("SGL203", "Blocking calls", Severity.ERROR, _check)
