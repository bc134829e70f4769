"""Walks a workflow in the order in which it runs, and through what it calls, and writes down its steps."""

from __future__ import annotations

from sagaline.checker.evaluator import Evaluator
from sagaline.checker.findings import Place
from sagaline.checker.symbols import Function, FunctionNode
from sagaline.checker.versions.calls import Recording
from sagaline.checker.versions.items import Item, Plan, has_steps, relevant
from sagaline.checker.versions.reach import Reach
from sagaline.checker.versions.statements import Statements

_DEPTH = 20
"""Functions that call one another; recursion ends here."""
_CALLS = 1_000
"""Calls that one workflow's walk follows."""


class Walk:
    """One workflow's walk."""

    def __init__(self, evaluator: Evaluator, reach: Reach) -> None:
        self._evaluator = evaluator
        self._recording = Recording(reach)
        self._around: list[Function] = []
        self._followed = 0

    def plan(self, workflow: Function, name: str) -> Plan:
        """All that a workflow does."""
        items = self._items(workflow, {})
        place = Place(workflow.module.source.path, getattr(workflow.node, "lineno", 1))
        patches, deprecated = self._recording.patches, self._recording.deprecated
        return Plan(name, place, relevant(items), frozenset(patches), frozenset(deprecated))

    def _items(self, function: Function, arguments: dict[str, str]) -> tuple[Item, ...]:
        self._followed += 1
        is_too_much = self._followed > _CALLS or len(self._around) >= _DEPTH or function in self._around
        if is_too_much or not isinstance(function.node, FunctionNode):
            return ()
        self._around.append(function)
        try:
            return Statements(self._evaluator, self._recording, self._inlined, function, arguments).items()
        finally:
            self._around.pop()

    def _inlined(self, function: Function, arguments: dict[str, str]) -> tuple[Item, ...]:
        """The steps of a function that is called, without its own ways out."""
        return tuple(item for item in self._items(function, arguments) if has_steps((item,)))
