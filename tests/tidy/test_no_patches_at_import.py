"""A module that is imported changes no other: every test runs beside those that import it, in an order nobody knows."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]
SETTERS = ("setattr", "delattr")


def patches(module: ast.Module) -> list[int]:
    """The lines, outside of functions, that set an attribute of something else."""
    found: list[int] = []
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        is_set = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del)
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SETTERS
        if isinstance(node, ast.expr) and (is_set or is_call):
            found.append(node.lineno)
        waiting += ast.iter_child_nodes(node)
    return sorted(found)


def test_no_module_of_the_tests_patches_at_import() -> None:
    """``monkeypatch`` in a test and ``mock.patch`` around what needs it take back what they have set."""
    found = {str(file.relative_to(TESTS)): patches(ast.parse(file.read_text("utf-8"))) for file in TESTS.rglob("*.py")}
    assert {file: lines for file, lines in found.items() if lines} == {}


def test_patches_are_seen() -> None:
    text = "import a\na.b = 1\nsetattr(a, 'b', 2)\nif a:\n    a.b += 1\ndef f():\n    a.b = 1\nc: int = a.b\n"
    assert patches(ast.parse(text)) == [2, 3, 5]
