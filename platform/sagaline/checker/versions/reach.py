"""Which functions lead to a step at all: only those are followed when a workflow's steps are written down."""

from __future__ import annotations

import ast

from sagaline.checker.evaluator import Evaluator
from sagaline.checker.kinds import Kind, is_step, kind_of
from sagaline.checker.library import WORKFLOW
from sagaline.checker.symbols import Function, own_nodes
from sagaline.checker.values import External, Member, Value

CONDITION = f"{WORKFLOW}.wait_condition"
"""A timer when it has a time-out."""
TIMERS = {
    "asyncio.sleep",
    "asyncio.timeout",
    "asyncio.timeout_at",
    "asyncio.wait_for",
    "anyio.sleep",
    f"{WORKFLOW}.sleep",
}
_ASKED = (
    *("now", "random", "uuid4", "uuid7", "info", "memo", "search_attributes"),
    *("all_handlers_finished", "wait_condition", "logger", "unchecked"),
)


def is_command(name: str) -> bool:
    """Whether a function of ``workflow`` does something that is recorded, and does not only ask."""
    owner, _, function = name.removeprefix(f"{WORKFLOW}.").partition(".")
    return name.startswith(f"{WORKFLOW}.") and not function and owner not in _ASKED


class Reach:
    """Worked out once for each function."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._known: dict[Function, bool] = {}

    def has_steps(self, function: Function) -> bool:
        """Whether a function, or what it refers to, leads to a step."""
        seen: set[Function] = {function}
        waiting = [function]
        while waiting:
            current = waiting.pop()
            leads, callees = self._looked_at(current)
            if leads or any(self._known.get(callee) for callee in callees):
                self._known[function] = True
                return True
            waiting += [callee for callee in callees if callee not in seen and callee not in self._known]
            seen.update(callees)
        self._known.update(dict.fromkeys(seen, False))
        return False

    def _looked_at(self, function: Function) -> tuple[bool, set[Function]]:
        """Whether the function itself has a step, and the functions that it refers to."""
        callees: set[Function] = set()
        for node in own_nodes(function.node):
            if isinstance(node, ast.Name | ast.Attribute):
                value = self._evaluator.value(node, function)
                if is_step(value, self._evaluator) or _may_be_recorded(value, self._evaluator):
                    return True, callees
                if isinstance(value, Function):
                    callees.add(value)
                elif isinstance(value, External) and (
                    value.name in TIMERS or value.name == CONDITION or is_command(value.name)
                ):
                    return True, callees
        return False, callees


def _may_be_recorded(value: Value | None, evaluator: Evaluator) -> bool:
    """A workflow, that may be called as a child; an attribute of one, such as ``continue_as_new``."""
    if isinstance(value, Function):
        return kind_of(value, evaluator) in (Kind.WORKFLOW, Kind.HANDLER)
    return isinstance(value, Member)
