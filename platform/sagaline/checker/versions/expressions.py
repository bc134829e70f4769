"""Expressions in canonical text, so that a renamed variable is no difference and swapped arguments are.

A parameter is its position, a step's result the number of the step, another variable what was assigned to it.
"""

from __future__ import annotations

import ast
import copy
import hashlib

_TEXT = 400
"""A longer text is replaced by its digest: variables made of variables would grow without bound."""


class Expressions:
    """The texts of a function's variables, as far as the walk has come."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables
        self.results: dict[ast.AST, str] = {}

    def text(self, expression: ast.AST) -> str:
        """An expression's canonical text."""
        try:
            canonical = _Canonical(self).visit(_copy(expression, self.results))
            text = _unparsed(canonical)
        except RecursionError:
            return "a deep expression"
        return text if len(text) <= _TEXT else f"digest:{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def assign(self, target: ast.expr, text: str) -> None:
        """Gives a variable, or the parts of a tuple, a text."""
        if isinstance(target, ast.Name):
            self.variables[target.id] = text
        elif isinstance(target, ast.Tuple | ast.List):
            for number, part in enumerate(target.elts):
                self.assign(part.value if isinstance(part, ast.Starred) else part, f"{text}[{number}]")

    def assign_value(self, target: ast.expr, value: ast.expr) -> None:
        """Gives a variable the text of an expression; of a tuple, each part its own."""
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            texts = [self.text(part) for part in value.elts]
            for part, text in zip(target.elts, texts, strict=True):
                self.assign(part, text)
        else:
            self.assign(target, self.text(value))


def _unparsed(expression: ast.AST) -> str:
    try:
        return ast.unparse(expression)
    except ValueError:  # texts in an f-string that no f-string can have
        return ast.dump(expression)


def _copy(expression: ast.AST, results: dict[ast.AST, str]) -> ast.AST:
    """A copy in which the calls that are steps are names of their results."""
    memo: dict[int, object] = {id(node): ast.Name(text, ast.Load()) for node, text in results.items()}
    copied: ast.AST = copy.deepcopy(expression, memo)
    return copied


class _Canonical(ast.NodeTransformer):
    def __init__(self, expressions: Expressions) -> None:
        self._variables = expressions.variables

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._variables.get(node.id, node.id), ast.Load())

    def visit_Await(self, node: ast.Await) -> ast.AST:
        inner: ast.AST = self.visit(node.value)
        return inner
