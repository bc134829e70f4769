"""The steps of expressions: calls in the order in which they run."""

from __future__ import annotations

import ast
from collections.abc import Callable

from sagaline.checker.evaluator import Evaluator
from sagaline.checker.findings import Place
from sagaline.checker.kinds import Kind, is_child, kind_of
from sagaline.checker.library import WORKFLOW
from sagaline.checker.symbols import Function, FunctionNode
from sagaline.checker.values import External, Member
from sagaline.checker.versions.expressions import Expressions
from sagaline.checker.versions.items import Exit, Item, Loop, Step, has_steps
from sagaline.checker.versions.reach import CONDITION, TIMERS, Reach, is_command

STEPS = 5_000
"""Steps of one workflow."""
_PATCHED, _DEPRECATED = f"{WORKFLOW}.patched", f"{WORKFLOW}.deprecate_patch"
MARK = "patched:"
"""The canonical text of ``workflow.patched("id")`` is this and the id."""


class Recording:
    """What a walk has come across: how many steps, and which patches. ``reach`` says what is worth following."""

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self.patches: set[str] = set()
        self.deprecated: set[str] = set()
        self._steps = 0

    def count(self) -> int | None:
        """The number of the next step; None when there are too many."""
        self._steps += 1
        return self._steps if self._steps <= STEPS else None


Follow = Callable[[Function, dict[str, str]], tuple[Item, ...]]
"""Gives the steps of a function that is called with arguments of these texts."""


class Calls:
    """The expressions of one function on the walk."""

    def __init__(
        self, evaluator: Evaluator, recording: Recording, follow: Follow, function: Function, arguments: dict[str, str]
    ) -> None:
        self._evaluator, self._recording, self._follow, self._function = evaluator, recording, follow, function
        self._reach = recording.reach
        variables = {name: f"argument{number}" for number, name in enumerate(_parameters(function))}
        self._expressions = Expressions(variables | arguments)

    def place(self, node: ast.expr | ast.stmt) -> Place:
        """Where a node is written."""
        source = self._function.module.source
        return Place(source.path, node.lineno, source.column(node))

    def expression(self, node: ast.expr) -> tuple[Item, ...]:
        """The steps of an expression, and of all in it."""
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Lambda):
            return ()
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            return self._comprehension(node)
        if isinstance(node, ast.Name | ast.Attribute):
            return self._reference(node)
        items = tuple(
            item
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.expr)
            for item in self.expression(child)
        )
        if isinstance(node, ast.NamedExpr):
            self._expressions.assign_value(node.target, node.value)
        return items

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> tuple[Item, ...]:
        head: tuple[Item, ...] = ()
        overs: list[str] = []
        for generator in node.generators:
            head += self.expression(generator.iter)
            overs.append(self._expressions.text(generator.iter))
            self._expressions.assign(generator.target, f"item of {overs[-1]}")
            overs += [self._expressions.text(test) for test in generator.ifs]
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        return head + self.loop(", ".join(overs), tuple(item for part in parts for item in self.expression(part)), node)

    def _reference(self, node: ast.Name | ast.Attribute) -> tuple[Item, ...]:
        """An activity that is passed on: ``map(notify, names)``."""
        value = self._evaluator.value(node, self._function)
        if isinstance(value, Function) and self._kind(value) in (Kind.ACTIVITY, Kind.COMPENSATION):
            return self._step("activity", step_name(value), ("passed on",), node)
        return () if isinstance(node, ast.Name) else self.expression(node.value)

    def _call(self, node: ast.Call) -> tuple[Item, ...]:
        callee = self._evaluator.value(node.func, self._function)
        inner = () if isinstance(callee, Function) or isinstance(node.func, ast.Name) else self.expression(node.func)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "options":
            return ()
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            inner += self.expression(argument.value if isinstance(argument, ast.Starred) else argument)
        if isinstance(callee, External):
            return inner + self._library(callee.name, node)
        if isinstance(callee, Member) and callee.name == "continue_as_new":
            return inner + self._step(callee.name, callee.name, self._texts(node), node)
        if not isinstance(callee, Function):
            return inner
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        owner_value = None if owner is None else self._evaluator.value(owner, self._function)
        if is_child(node.func, callee, owner_value, self._evaluator):
            return inner + self._step("child", workflow_name(callee), self._texts(node), node)
        if self._kind(callee) in (Kind.ACTIVITY, Kind.COMPENSATION):
            return inner + self._step("activity", step_name(callee), self._texts(node), node)
        return inner + (self._follow(callee, self._arguments(callee, node)) if self._reach.has_steps(callee) else ())

    def _texts(self, call: ast.Call) -> tuple[str, ...]:
        named = [f"{keyword.arg}={self._text(keyword.value)}" for keyword in call.keywords]
        return (*(self._text(argument) for argument in call.args), *named)

    def _library(self, name: str, node: ast.Call) -> tuple[Item, ...]:
        if name in (_PATCHED, _DEPRECATED) and node.args and isinstance(node.args[0], ast.Constant):
            patch = str(node.args[0].value)
            (self._recording.patches if name == _PATCHED else self._recording.deprecated).add(patch)
            self._expressions.results[node] = f"{MARK}{patch}"
            return ()
        is_timed = name == CONDITION and len(node.args) + len(node.keywords) > 1
        if name in TIMERS or is_timed:
            return self._step("timer", "timer", self._texts(node)[-1:], node)
        return self._step(name.removeprefix(f"{WORKFLOW}."), "", self._texts(node), node) if is_command(name) else ()

    def _text(self, argument: ast.expr) -> str:
        return "a function" if isinstance(argument, ast.Lambda) else self._expressions.text(argument)

    def _step(self, kind: str, name: str, texts: tuple[str, ...], node: ast.expr) -> tuple[Item, ...]:
        number = self._recording.count()
        if number is None:
            return ()
        self._expressions.results[node] = f"step{number}"
        return (Step(kind, name or kind, texts, self.place(node)),)

    def _kind(self, function: Function) -> Kind:
        return kind_of(function, self._evaluator)

    def _arguments(self, callee: Function, node: ast.Call) -> dict[str, str]:
        """The texts of a called function's parameters."""
        if not isinstance(callee.node, FunctionNode):
            return {}
        parameters = [argument.arg for argument in (*callee.node.args.posonlyargs, *callee.node.args.args)]
        if callee.cls is not None and parameters:
            parameters = parameters[1:]
        values = {name: self._expressions.text(value) for name, value in zip(parameters, node.args, strict=False)}
        values |= {keyword.arg: self._expressions.text(keyword.value) for keyword in node.keywords if keyword.arg}
        return values

    def loop(self, over: str, body: tuple[Item, ...], node: ast.expr | ast.stmt) -> tuple[Item, ...]:
        """A loop, if it is more than a calculation."""
        leaves = any(isinstance(item, Exit) and item.word in ("return", "raise") for item in body)
        return (Loop(over, body, self.place(node)),) if has_steps(body) or leaves else ()


def _parameters(function: Function) -> list[str]:
    if not isinstance(function.node, FunctionNode):
        return []
    arguments = function.node.args
    return [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def step_name(function: Function) -> str:
    """The name under which a function is recorded: the decorator's ``name``, or its own; a method's has its class's."""
    own = _given_name(function.decorators)
    if function.cls is None:
        return own or function.qualified_name
    cls = _given_name(function.cls.node.decorator_list)
    return own or f"{cls or function.cls.name}.{function.name}"


def workflow_name(function: Function) -> str:
    """The name under which a workflow, or a handler of a workflow class, is known to clients."""
    if function.cls is None:
        return step_name(function)
    cls = _given_name(function.cls.node.decorator_list) or function.cls.name
    return f"{cls}.{_given_name(function.decorators) or function.name}"


def _given_name(decorators: list[ast.expr]) -> str:
    for decorator in decorators:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant) and keyword.value.value:
                return str(keyword.value.value)
    return ""
