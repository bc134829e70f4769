"""The code of one reached function, as rules look at it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from sagaline.checker.evaluator import Evaluator, Variable, module_of
from sagaline.checker.library import SIDE_EFFECT, UNCHECKED
from sagaline.checker.symbols import Function, FunctionNode, Module, body_of, children_of
from sagaline.checker.values import External, Value

Node = TypeVar("Node", bound=ast.AST)


class Use(NamedTuple):
    """A reference to something outside of the code that is checked, by its full name."""

    node: ast.Name | ast.Attribute
    name: str
    is_called: bool


class Body:
    """A function, how it was reached, and its own nodes: without annotations, without functions written in it.

    Left out is what ``with workflow.unchecked()`` is around, and what ``workflow.side_effect`` is given; so are types,
    in ``except`` and ``isinstance``.
    """

    def __init__(self, function: Function, path: tuple[str, ...], evaluator: Evaluator) -> None:
        self.function, self.path, self.evaluator = function, path, evaluator
        self.parents: dict[ast.AST, ast.AST] = {}
        self.nodes = list(self._walk())
        self.uses = [
            Use(node, name, self.is_called(node)) for node in self.references() if (name := self.external(node))
        ]

    def value(self, expression: ast.expr) -> Value | None:
        """What an expression stands for."""
        return self.evaluator.value(expression, self.scope)

    @property
    def scope(self) -> Function | Module:
        """The scope in which names are looked up."""
        return self.function.module if self.function.variable else self.function

    @property
    def is_async(self) -> bool:
        """Whether the function is ``async def``."""
        return self.function.is_async

    def of_type(self, *types: type[Node]) -> Iterator[Node]:
        """Its nodes of these types, in order of appearance."""
        return (node for node in self.nodes if isinstance(node, types))

    def references(self) -> Iterator[ast.Name | ast.Attribute]:
        """Names and attributes that are read."""
        for node in self.nodes:
            if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                yield node

    def external(self, expression: ast.expr) -> str:
        """The full name of something outside of the code that is checked, or nothing."""
        value = self.value(expression)
        return value.name if isinstance(value, External) else ""

    def variable(self, expression: ast.expr) -> Variable | None:
        """The variable of a module that an expression names."""
        return self.evaluator.variable(expression, self.scope)

    def within(self, node: ast.AST) -> Iterator[ast.AST]:
        """A node of this body and all below it, as far as they are this function's."""
        waiting = [node]
        while waiting:
            inner = waiting.pop()
            yield inner
            waiting.extend(child for child in children_of(inner) if self.parents.get(child) is inner)

    def is_called(self, node: ast.AST) -> bool:
        """Whether an expression is what a call calls."""
        parent = self.parents.get(node)
        return isinstance(parent, ast.Call) and parent.func is node

    def is_in_lambda(self, node: ast.AST) -> bool:
        """Whether a lambda is around a node."""
        around: ast.AST | None = node
        while around is not None and not isinstance(around, ast.Lambda):
            around = self.parents.get(around)
        return around is not None

    def _walk(self) -> Iterator[ast.AST]:
        waiting = body_of(self.function.node)[::-1]
        while waiting:
            node = waiting.pop()
            yield node
            children = self._entered(node)
            for child in children:
                self.parents[child] = node
            waiting.extend(reversed(children))

    def _entered(self, node: ast.AST) -> list[ast.AST]:
        if isinstance(node, ast.ExceptHandler):
            return list(node.body)
        if isinstance(node, ast.Call):
            name = self.external(node.func)
            if name in ("builtins.isinstance", "builtins.issubclass"):
                return [node.func, *node.args[:1]]
            if name == SIDE_EFFECT:
                return [node.func, *node.keywords]
        if isinstance(node, ast.With) and self._is_unchecked(node):
            return []
        if isinstance(node, ast.If) and self.external(node.test) == "typing.TYPE_CHECKING":
            return list(node.orelse)
        return children_of(node)

    def _is_unchecked(self, node: ast.With) -> bool:
        contexts = [item.context_expr for item in node.items]
        return any(isinstance(call, ast.Call) and self.external(call.func) == UNCHECKED for call in contexts)


def own_label(function: Function, root: Function) -> str:
    """How a function is named in a path that begins at a workflow."""
    if function.module is root.module:
        return function.qualified_name
    return f"{module_of(function).short_name}.{function.qualified_name}"


def is_plain_function(function: Function) -> bool:
    """Whether it is code that runs, rather than a variable's value."""
    return isinstance(function.node, FunctionNode) and not function.variable
