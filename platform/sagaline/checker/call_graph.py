"""Workflows, and everything that they call, as deep as it goes.

A function counts as called when reached code refers to it: called, passed on, kept in a table. The walk is breadth
first, so the path to each function is a shortest one. It stops at activities, and outside of the code that is checked.
"""

from __future__ import annotations

import ast
import time
from collections import deque
from collections.abc import Iterable, Iterator
from math import inf

from sagaline.checker.bodies import Body, own_label
from sagaline.checker.evaluator import Scope, Variable, around
from sagaline.checker.kinds import Kind, has_decorator, is_workflow_class, kind_of, plain
from sagaline.checker.library import SAGA, WORKFLOW
from sagaline.checker.members import is_property, method
from sagaline.checker.resolving import Resolver
from sagaline.checker.sources import text_of
from sagaline.checker.symbols import Assignment, Class, Definition, Function, Module
from sagaline.checker.values import Instance, Value

FUNCTIONS = 50_000
"""Functions of one check; the walk ends there."""
_MADE_BY = ("__init__", "__new__", "__post_init__", "model_post_init")
_VALIDATORS = ("field_validator", "model_validator", "validator", "root_validator")
_ENTERED = ("__enter__", "__exit__", "__aenter__", "__aexit__")
_ITERATED = ("__iter__", "__next__", "__aiter__", "__anext__")


class TooLong(Exception):
    """The walk has taken longer than it may."""


def workflows_of(module: Module, resolver: Resolver) -> list[Function]:
    """The functions of a module that a worker runs as workflows, and the handlers of workflow classes."""
    roots: list[Function] = []
    for name, bindings in module.names.bindings.items():
        last = bindings[-1]
        if isinstance(last, Definition):
            roots += _roots_in(resolver.defined(last.node, module), resolver)
        elif isinstance(last, Assignment) and isinstance(last.value, ast.Call):  # pay = workflow(pay_order)
            function = resolver.name(name, module)
            if isinstance(function, Function) and function.made_by in (WORKFLOW, SAGA):
                roots.append(function)
    return roots


def _roots_in(definition: Function | Class, resolver: Resolver) -> Iterator[Function]:
    if isinstance(definition, Function):
        if kind_of(definition, resolver) is Kind.WORKFLOW:
            yield definition
        return
    methods = list(_methods(definition, resolver))
    handlers = [method for method in methods if kind_of(method, resolver) is Kind.HANDLER]
    yield from handlers
    if handlers or is_workflow_class(definition, resolver):
        yield from (method for method in methods if method.name == "__init__" and method not in handlers)


def _methods(cls: Class, resolver: Resolver) -> Iterator[Function]:
    for bindings in cls.names.bindings.values():
        for binding in bindings:
            if isinstance(binding, Definition):
                method = resolver.defined(binding.node, cls)
                if isinstance(method, Function):
                    yield method


class CallGraph:
    """The walk from workflows. ``deadline`` is of ``time.monotonic``: TooLong is raised behind it."""

    def __init__(self, resolver: Resolver, deadline: float = inf) -> None:
        self._resolver, self._deadline = resolver, deadline
        self._seen: set[Function] = set()
        self._variables: dict[ast.expr, Function] = {}

    def reached(self, workflows: Iterable[Function]) -> Iterator[Body]:
        """The bodies of the workflows and of all that they call, each once. Raises TooLong."""
        waiting: deque[tuple[Function, tuple[str, ...], Function]] = deque()
        for workflow in workflows:
            if workflow not in self._seen:
                self._seen.add(workflow)
                waiting.append((workflow, (workflow.qualified_name,), workflow))
        while waiting and len(self._seen) < FUNCTIONS:
            if time.monotonic() > self._deadline:
                raise TooLong
            function, path, root = waiting.popleft()
            body = Body(function, path, self._resolver)
            yield body
            for callee in self._callees(body):
                if callee not in self._seen:
                    self._seen.add(callee)
                    waiting.append((callee, (*path, own_label(callee, root)), root))

    def _callees(self, body: Body) -> Iterator[Function]:
        for node in body.references():
            if body.function.variable and body.is_called(node) and not body.is_in_lambda(node):
                continue  # it ran when its module was imported
            yield from self._referred(body, node)
        for with_item in body.of_type(ast.withitem):
            yield from self._special(body.value(with_item.context_expr), _ENTERED)
        for loop in body.nodes:
            if isinstance(loop, ast.For | ast.AsyncFor | ast.comprehension):
                yield from self._special(body.value(loop.iter), _ITERATED)
        for decorator in body.function.decorators:
            yield from self._wrappers(decorator, around(body.function))

    def _referred(self, body: Body, node: ast.Name | ast.Attribute) -> Iterator[Function]:
        value = body.value(node)
        if isinstance(value, Function):
            kind = kind_of(value, self._resolver)
            is_inline = isinstance(node, ast.Attribute) and node.attr == "inline"
            if kind is Kind.PLAIN or (kind is Kind.WORKFLOW and is_inline):
                yield value
        elif isinstance(value, Class) and body.is_called(node):
            yield from self._constructor(value)
        if isinstance(node, ast.Attribute):
            member = method(self._resolver, body.value(node.value), node.attr)
            if member is not None and is_property(member):
                yield member
        variable = body.variable(node)
        if variable is not None:
            yield from self._variable(variable)

    def _variable(self, variable: Variable) -> Iterator[Function]:
        """The value of a module's variable, where functions may be kept, and values of an earlier process."""
        expression = variable.assignment.value
        if expression is not None:
            value = self._resolver.value(expression, variable.module)
            if not (isinstance(value, Function) and value.made_by):
                made = Function(expression, variable.module, variable=variable.name)
                yield self._variables.setdefault(expression, made)

    def _constructor(self, cls: Class) -> Iterator[Function]:
        yield from self._special(Instance(cls), _MADE_BY)
        yield from (inner for inner in _methods(cls, self._resolver) if has_decorator(inner, *_VALIDATORS))
        for node in cls.node.body:
            if isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Call):
                for keyword in node.value.keywords:
                    if keyword.arg in ("default_factory", "factory"):
                        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
                        name = f"{cls.name}.{text_of(target)}"
                        made = Function(keyword.value, cls.module, variable=name)
                        yield self._variables.setdefault(keyword.value, made)

    def _special(self, value: Value | None, names: Iterable[str]) -> Iterator[Function]:
        members = (method(self._resolver, value, name) for name in names)
        yield from (member for member in members if member is not None)

    def _wrappers(self, decorator: ast.expr, scope: Scope) -> Iterator[Function]:
        """The functions that a decorator of ours wraps around: those written in it, at the depth of the call."""
        value = self._resolver.value(plain(decorator), scope)
        if not isinstance(value, Function) or kind_of(value, self._resolver) is not Kind.PLAIN:
            return
        level = [value]
        for _ in range(2 if isinstance(decorator, ast.Call) else 1):
            level = [inner for function in level for inner in self._nested(function)]
        yield from level

    def _nested(self, function: Function) -> Iterator[Function]:
        for bindings in self._resolver.names(function).bindings.values():
            for binding in bindings:
                if isinstance(binding, Definition):
                    inner = self._resolver.defined(binding.node, function)
                    if isinstance(inner, Function):
                        yield inner
