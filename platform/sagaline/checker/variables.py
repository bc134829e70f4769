"""Variables of modules, found through imports."""

from __future__ import annotations

import ast

from sagaline.checker.evaluator import Evaluator, Scope, Variable, module_of
from sagaline.checker.symbols import Assignment, Binding, Import, Module

_IMPORTS = 40
"""Imports of one name from module to module; those in a circle end here."""


def variable_of(evaluator: Evaluator, expression: ast.expr, scope: Scope) -> Variable | None:
    """The variable of a module that an expression names."""
    if isinstance(expression, ast.Attribute):
        module = evaluator.value(expression.value, scope)
        return _in_module(evaluator, expression.attr, module) if isinstance(module, Module) else None
    if not isinstance(expression, ast.Name):
        return None
    owner = evaluator.owner_of(expression.id, scope)
    if owner is None or isinstance(owner, Module):
        return None if owner is None else _in_module(evaluator, expression.id, owner)
    bindings = evaluator.names(owner).bindings.get(expression.id, [])  # imported in a function
    return _imported(evaluator, bindings[-1], module_of(owner), 0) if bindings else None


def _in_module(evaluator: Evaluator, name: str, module: Module, depth: int = 0) -> Variable | None:
    for binding in reversed(module.names.bindings.get(name, [])):
        if isinstance(binding, Assignment):
            return Variable(module, name, binding) if binding.value is not None else None
        return _imported(evaluator, binding, module, depth)
    return None


def _imported(evaluator: Evaluator, binding: Binding, importer: Module, depth: int) -> Variable | None:
    if not isinstance(binding, Import) or not binding.name or depth >= _IMPORTS:
        return None
    module = evaluator.imported(importer, binding)
    return None if module is None else _in_module(evaluator, binding.name, module, depth + 1)
