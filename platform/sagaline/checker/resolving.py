"""Finds what an expression stands for: names to bindings, attributes to members, calls to what they give."""

from __future__ import annotations

import ast
import builtins

from sagaline.checker import kinds
from sagaline.checker.annotations import annotated
from sagaline.checker.evaluator import Scope, Variable, module_of
from sagaline.checker.library import ACTIVITY, ATTRIBUTES, canonical
from sagaline.checker.members import entered, member, of_instance
from sagaline.checker.project import Project
from sagaline.checker.results import call_result, operator_result, plain_result
from sagaline.checker.symbols import (
    Assignment,
    Binding,
    Class,
    Definition,
    Function,
    FunctionNode,
    Import,
    Module,
    Names,
    names_of,
)
from sagaline.checker.values import External, Instance, Member, Value
from sagaline.checker.variables import variable_of

_DEPTH = 40
"""Steps of one look-up: bindings that refer to one another in a circle end here."""


class Resolver:
    """Values of expressions, each worked out once."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._names: dict[Scope, Names] = {}
        self._defined: dict[ast.AST, Function | Class] = {}
        self._values: dict[tuple[ast.expr, Scope], Value | None] = {}
        self._bindings: dict[tuple[Binding, Scope], Value | None] = {}
        self._starred: dict[tuple[str, Scope], Value | None] = {}
        self._depth = 0

    def value(self, expression: ast.expr, scope: Scope) -> Value | None:
        """What an expression in a scope stands for; None when the code does not show it."""
        key = (expression, scope)
        if key not in self._values:
            if self._depth >= _DEPTH:
                return None
            self._values[key] = None  # for whoever asks while it is worked out
            self._depth += 1
            try:
                self._values[key] = self._evaluated(expression, scope)
            finally:
                self._depth -= 1
        return self._values[key]

    def _evaluated(self, expression: ast.expr, scope: Scope) -> Value | None:
        if isinstance(expression, ast.Name):
            return self.name(expression.id, scope, expression.lineno)
        if isinstance(expression, ast.Attribute):
            owner = self.value(expression.value, scope)
            return None if owner is None else self.attribute(owner, expression.attr, module_of(scope))
        if isinstance(expression, ast.Call):
            return call_result(self, expression, scope)
        if isinstance(expression, ast.Lambda):
            return self.defined(expression, scope)
        if isinstance(expression, ast.BinOp):
            return operator_result(self, expression, scope)
        return plain_result(self, expression, scope)

    # Names

    def names(self, scope: Scope) -> Names:
        """The bindings of a scope."""
        if isinstance(scope, Module | Class):
            return scope.names
        if scope not in self._names:
            is_function = isinstance(scope.node, FunctionNode)
            self._names[scope] = names_of(scope.node) if is_function else Names({})  # type: ignore[arg-type]
        return self._names[scope]

    def name(self, name: str, scope: Scope, line: int = 0) -> Value | None:
        """What a name stands for, when it is used in a line of a scope."""
        owner = self.owner_of(name, scope)
        if owner is None:
            return External(f"builtins.{name}") if hasattr(builtins, name) else None
        bindings = self.names(owner).bindings.get(name)
        if bindings is None:  # by a star import
            return self._from_star_imports(name, owner)
        if owner is scope and isinstance(owner, Function):
            before = [binding for binding in bindings if binding.line <= line]
            chosen = before[-1] if before else bindings[0]
            return self.bound(chosen, owner, name)
        for binding in reversed(bindings):
            value = self.bound(binding, owner, name)
            if value is not None:
                return value
        return None

    def owner_of(self, name: str, scope: Scope) -> Scope | None:
        """The scope that a name belongs to; None for a builtin."""
        current: Scope = scope
        while not isinstance(current, Module):
            names = self.names(current)
            if name in names.bindings and name not in names.declared:
                return current
            current = current.parent or current.module
        is_known = name in current.names.bindings or self._from_star_imports(name, current) is not None
        return current if is_known else None
        return None

    def variable(self, expression: ast.expr, scope: Scope) -> Variable | None:
        """The variable of a module that an expression names, also through imports."""
        return variable_of(self, expression, scope)

    def imported(self, importer: Module, binding: Import) -> Module | None:
        """The module of the project that an import means."""
        return self.project.imported(importer, binding)

    def _from_star_imports(self, name: str, scope: Scope) -> Value | None:
        key = (name, scope)
        if self.names(scope).star_imports and key not in self._starred:
            self._starred[key] = None  # for modules that import one another
            self._starred[key] = self._starred_value(name, scope)
        return self._starred.get(key)

    def _starred_value(self, name: str, scope: Scope) -> Value | None:
        for star in self.names(scope).star_imports:
            module = self.project.imported(module_of(scope), star)
            if module is not None and not name.startswith("_"):
                value = self.name(name, module) if self.owner_of(name, module) is module else None
                if value is not None:
                    return value
            if module is None and star.module == "sagaline" and name in ("workflow", "saga", ACTIVITY[9:]):
                return External(f"sagaline.{name}")
        return None

    def bound(self, binding: Binding, scope: Scope, name: str) -> Value | None:
        """What a binding in a scope gives to its name."""
        key = (binding, scope)
        if key not in self._bindings:
            self._bindings[key] = None  # for whoever asks while it is worked out
            self._bindings[key] = self._bound(binding, scope, name)
        return self._bindings[key]

    def _bound(self, binding: Binding, scope: Scope, name: str) -> Value | None:
        if isinstance(binding, Import):
            return self._imported(binding, module_of(scope))
        if isinstance(binding, Definition):
            return self.defined(binding.node, scope)
        if binding.how == "parameter" and isinstance(scope, Function):
            return self._parameter(binding, scope, name)
        if binding.annotation is not None:
            value = annotated(binding.annotation, lambda part: self.value(part, scope))
            if value is not None:
                return value
        if binding.value is None:
            return None
        value = self.value(binding.value, scope)
        if binding.how == "item":
            return value.item if isinstance(value, Instance) else None
        return entered(self, value) if binding.how == "entered" else value if binding.how == "value" else None

    def _parameter(self, binding: Assignment, function: Function, name: str) -> Value | None:
        arguments = function.node.args if isinstance(function.node, FunctionNode) else None
        first = [*arguments.posonlyargs, *arguments.args][:1] if arguments is not None else []
        if function.cls is not None and first and first[0].arg == name:
            if kinds.has_decorator(function, "staticmethod"):
                return None
            return function.cls if kinds.has_decorator(function, "classmethod") else Instance(function.cls)
        if binding.annotation is None:
            return None
        outside = function.parent or function.module
        value = annotated(binding.annotation, lambda part: self.value(part, outside))
        variadic = arguments is not None and name in {
            extra.arg for extra in (arguments.vararg, arguments.kwarg) if extra
        }
        return Instance(External("builtins.list"), value) if variadic else value

    def _imported(self, binding: Import, importer: Module) -> Value | None:
        module = self.project.imported(importer, binding)
        if not binding.name:
            return module or External(canonical(binding.module))
        if module is None:
            if binding.level or self.project.holds(importer, binding.module.partition(".")[0]):
                dotted = f"{binding.module}.{binding.name}" if binding.module else binding.name
                return self.project.imported(importer, Import(dotted, "", binding.level))
            return External(canonical(f"{binding.module}.{binding.name}"))
        return self.attribute(module, binding.name, importer)

    # Definitions

    def defined(self, node: ast.AST, scope: Scope) -> Function | Class:
        """The function or class that a definition in a scope makes."""
        if node not in self._defined:
            module = module_of(scope)
            parent = scope if isinstance(scope, Function) else scope.parent if isinstance(scope, Class) else None
            if isinstance(node, ast.ClassDef):
                self._defined[node] = Class(node, module, parent, names_of(node))
            elif isinstance(node, FunctionNode):
                cls = scope if isinstance(scope, Class) else None
                self._defined[node] = Function(node, module, parent, cls)
        return self._defined[node]

    # Attributes

    def attribute(self, owner: Value, name: str, asking: Module) -> Value | None:
        """What an attribute of a value stands for."""
        if isinstance(owner, Module):
            value = self.name(name, owner) if self.owner_of(name, owner) is owner else None
            return value if value is not None else self.project.submodule(owner, name)
        if isinstance(owner, External):
            full = canonical(f"{owner.name}.{name}")
            if "." not in owner.name and self.project.holds(asking, owner.name):
                return self.project.named(full, self.project.root_of(asking)) or External(full)
            return External(full)
        if isinstance(owner, Class):
            return member(self, owner, name)
        if isinstance(owner, Function):
            return owner if name == "inline" else Member(owner, name)
        if isinstance(owner, Instance):
            if isinstance(owner.type, Class):
                return of_instance(self, owner.type, name)
            full = f"{owner.type.name}.{name}"
            return Instance(External(ATTRIBUTES[full])) if full in ATTRIBUTES else External(full)
        return None

    def returned(self, function: Function) -> Value | None:
        """What a call of a function gives, by its annotation."""
        annotation = getattr(function.node, "returns", None)
        outside = function.parent or function.module
        return None if annotation is None else annotated(annotation, lambda part: self.value(part, outside))
