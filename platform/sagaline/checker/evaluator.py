"""What the parts of the checker ask of the resolver."""

from __future__ import annotations

import ast
from typing import NamedTuple, Protocol, TypeAlias

from sagaline.checker.symbols import Assignment, Binding, Class, Function, Import, Module, Names
from sagaline.checker.values import Value

Scope: TypeAlias = Module | Class | Function


class Variable(NamedTuple):
    """A variable of a module, and the assignment that gives it its value."""

    module: Module
    name: str
    assignment: Assignment


class Evaluator(Protocol):
    """Works out what expressions stand for.

    Contract:
    - Never runs, imports or changes the code that is checked.
    - Ends for every code, also for names that refer to one another in a circle.
    """

    def value(self, expression: ast.expr, scope: Scope) -> Value | None:
        """What an expression in a scope stands for; None when the code does not show it."""
        ...

    def returned(self, function: Function) -> Value | None:
        """What a call of a function gives, by its annotation."""
        ...

    def names(self, scope: Scope) -> Names:
        """The bindings of a scope."""
        ...

    def owner_of(self, name: str, scope: Scope) -> Scope | None:
        """The scope that a name belongs to; None for a builtin."""
        ...

    def variable(self, expression: ast.expr, scope: Scope) -> Variable | None:
        """The variable of a module that an expression names, also through imports."""
        ...

    def imported(self, importer: Module, binding: Import) -> Module | None:
        """The module of the project that an import means; None when it is outside."""
        ...

    def bound(self, binding: Binding, scope: Scope, name: str) -> Value | None:
        """What a binding in a scope gives to its name."""
        ...

    def defined(self, node: ast.AST, scope: Scope) -> Function | Class:
        """The function or class that a definition in a scope makes."""
        ...


def module_of(scope: Scope) -> Module:
    """The module that a scope is in."""
    return scope if isinstance(scope, Module) else scope.module


def around(scope: Function | Class) -> Scope:
    """The scope in which a function's decorators, or a class's bases, are looked up."""
    if isinstance(scope, Function) and scope.cls is not None:
        return scope.cls
    return scope.parent or scope.module
