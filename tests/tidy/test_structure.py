"""The structure of the house: no circles among the imports, small files, small classes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("platform", "schemas", "sagas", "connectors")
SOURCES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
TESTS = sorted(file for folder in ("tests", "bench") for file in (ROOT / folder).rglob("*.py"))
LINES, FIELDS, METHODS = 300, 10, 20
LARGER_CLASSES = {
    "sagaline._engine.state.State": "a partition's tables and the sum of a record: a field for each table",
    "sagaline._runtime.loop.DeterministicLoop": "the methods of asyncio's event loop",
}
"""Classes above the bounds that are neither tables nor plain records, and why."""


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in SOURCES}


def imported(file: Path) -> set[str]:
    """Modules of ours that a file imports, for types too; a package's own __init__ counts as what it names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name for name in inner if name in MODULES} or {node.module}
    return {name for name in names if name in MODULES}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected components of more than one node (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    result: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for following in sorted(graph[node]):
            if following not in index:
                visit(following)
                low[node] = min(low[node], low[following])
            elif following in stack:
                low[node] = min(low[node], index[following])
        if low[node] == index[node]:
            members = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(members) > 1:
                result.append(sorted(members))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return result


def test_no_circle_among_the_imports() -> None:
    assert circles({name: imported(file) for name, file in MODULES.items()}) == []


def test_circles_are_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]


@pytest.mark.parametrize("file", [*SOURCES, *TESTS], ids=lambda file: str(file.relative_to(ROOT)))
def test_files_are_small(file: Path) -> None:
    lines = len(file.read_text("utf-8").splitlines())
    assert lines <= LINES, f"{lines} lines: a file of at most {LINES}"


def classes(file: Path) -> Iterator[ast.ClassDef]:
    yield from (node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.ClassDef))


def is_plain(node: ast.ClassDef) -> bool:
    """A record, an enumeration, a protocol or a dataclass of options: a table of names."""
    bases = " ".join(ast.unparse(base) for base in node.bases)
    decorators = " ".join(ast.unparse(decorator) for decorator in node.decorator_list)
    plain = ("Struct", "NamedTuple", "Protocol", "Enum", "TypedDict", "BaseModel")
    return any(word in bases for word in plain) or "dataclass" in decorators


def fields(node: ast.ClassDef) -> set[str]:
    """What its methods set on self."""
    names: set[str] = set()
    for inner in ast.walk(node):
        targets: list[ast.expr] = []
        if isinstance(inner, ast.Assign):
            targets = inner.targets
        elif isinstance(inner, ast.AnnAssign | ast.AugAssign):
            targets = [inner.target]
        for target in targets:
            for part in target.elts if isinstance(target, ast.Tuple) else [target]:
                if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "self":
                    names.add(part.attr)
    return names


def methods(node: ast.ClassDef) -> int:
    """Its methods; the overloads of one are one."""
    return len({inner.name for inner in node.body if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)})


def test_classes_are_small() -> None:
    larger: dict[str, str] = {}
    for file in SOURCES:
        for node in classes(file):
            counts = (len(fields(node)), methods(node))
            if not is_plain(node) and (counts[0] > FIELDS or counts[1] > METHODS):
                larger[f"{module_name(file)}.{node.name}"] = f"{counts[0]} fields, {counts[1]} methods"
    unexplained = {name: counts for name, counts in larger.items() if name not in LARGER_CLASSES}
    assert not unexplained, f"at most {FIELDS} fields and {METHODS} methods: {unexplained}"
    assert not LARGER_CLASSES.keys() - larger.keys(), "exceptions that are needed no more"
