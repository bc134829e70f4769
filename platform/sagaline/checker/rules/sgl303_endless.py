"""Loops that let a history grow without end."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.rules.loops import ends, is_endless
from sagaline.checker.rules.rule import Match, Rule

_FIX = "leave it by workflow.continue_as_new when workflow.info() suggests it"


def _check(body: Body) -> Iterator[Match]:
    names = (node.attr if isinstance(node, ast.Attribute) else node.id for node in body.references())
    if any("continue_as_new" in name for name in names):
        return
    for loop in body.of_type(ast.While):
        waits = any(isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith) for node in body.within(loop))
        if is_endless(loop) and waits and not ends(body, loop):
            yield Match(loop, "a loop without end lets the run's history grow without bound", _FIX)


RULE = Rule("SGL303", "Histories without end", Severity.HINT, _check)
