"""What names stand for in a module, a class and a function: its bindings, as they are written."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from sagaline.checker.sources import Source

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, eq=False)
class Module:
    """A file. ``names`` are its globals."""

    source: Source
    name: str
    names: Names = field(repr=False)

    @property
    def short_name(self) -> str:
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, eq=False)
class Class:
    """A class of the code that is checked."""

    node: ast.ClassDef
    module: Module
    parent: Function | None
    names: Names = field(repr=False)

    @property
    def name(self) -> str:
        return self.node.name


@dataclass(frozen=True, eq=False)
class Function:
    """A function, method or lambda; or the expression of a module's variable (``variable`` is its name).

    ``made_by`` is our decorator when it is called, as in ``charge = activity(timeout="1s")(charge_card)``.
    """

    node: FunctionNode | ast.expr
    module: Module
    parent: Function | None = None
    cls: Class | None = None
    variable: str = ""
    made_by: str = ""

    @property
    def name(self) -> str:
        if isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef):
            return self.node.name
        return self.variable or "lambda"

    @property
    def qualified_name(self) -> str:
        if self.cls is not None:
            return f"{self.cls.name}.{self.name}"
        return f"{self.parent.qualified_name}.{self.name}" if self.parent is not None else self.name

    @property
    def is_async(self) -> bool:
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def decorators(self) -> list[ast.expr]:
        return self.node.decorator_list if isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef) else []


@dataclass(frozen=True, eq=False)
class Import:
    """``from module import name``, or ``import module`` where name is empty."""

    module: str
    name: str = ""
    level: int = 0
    line: int = 0


@dataclass(frozen=True, eq=False)
class Assignment:
    """A name that is given a value: ``how`` says which part of the value it is."""

    value: ast.expr | None
    annotation: ast.expr | None = None
    how: str = "value"
    line: int = 0


@dataclass(frozen=True, eq=False)
class Definition:
    """A function or class that is defined under a name."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    line: int = 0


Binding: TypeAlias = Import | Assignment | Definition


@dataclass(frozen=True, eq=False)
class Names:
    """The bindings of a scope, in order of appearance."""

    bindings: dict[str, list[Binding]]
    star_imports: tuple[Import, ...] = ()
    declared: frozenset[str] = frozenset()
    """Names that ``global`` or ``nonlocal`` gives to a scope around this one."""


def names_of(node: ast.Module | ast.ClassDef | FunctionNode) -> Names:
    """The bindings that are written in a scope, without those of scopes in it."""
    bindings: dict[str, list[Binding]] = {}
    stars: list[Import] = []
    declared: set[str] = set()
    if isinstance(node, FunctionNode):
        for argument in _arguments(node.args):
            bindings[argument.arg] = [Assignment(None, argument.annotation, "parameter", node.lineno)]
    for inner in own_nodes(node):
        if isinstance(inner, ast.Global | ast.Nonlocal):
            declared.update(inner.names)
        elif isinstance(inner, ast.ImportFrom) and inner.names[0].name == "*":
            stars.append(Import(inner.module or "", "*", inner.level))
        else:
            for name, binding in _bound(inner):
                bindings.setdefault(name, []).append(binding)
    return Names(bindings, tuple(stars), frozenset(declared))


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a scope in order of appearance, as ``children_of`` gives them."""
    waiting = body_of(scope)[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(children_of(node)))


def children_of(node: ast.AST) -> list[ast.AST]:
    """The parts of a node that belong to the same scope, without annotations.

    Of nested functions and classes these are decorators, defaults and bases; a lambda is a part of where it stands.
    """
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases]
    if isinstance(node, ast.AnnAssign):
        return [node.target] if node.value is None else [node.target, node.value]
    return [] if isinstance(node, ast.arg) else list(ast.iter_child_nodes(node))


def body_of(scope: ast.AST) -> list[ast.AST]:
    """The statements of a scope; of a lambda, or of a variable's expression, the expression."""
    if isinstance(scope, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return list(scope.body)
    return [scope.body] if isinstance(scope, ast.Lambda) else [scope]


def _arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    yield from filter(None, (arguments.vararg, arguments.kwarg))


def _bound(node: ast.AST) -> Iterator[tuple[str, Binding]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name, Definition(node, node.lineno)
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from _imported(node)
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _targets(target, node.value, None, "value")
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
        yield from _targets(node.target, node.value, getattr(node, "annotation", None), "value")
    elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        yield from _targets(node.target, node.iter, None, "item")
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield from _targets(node.optional_vars, node.context_expr, None, "entered")
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name, Assignment(None, None, "part", node.lineno)
    elif isinstance(node, ast.Lambda):
        for argument in _arguments(node.args):
            yield argument.arg, Assignment(None, None, "part", node.lineno)


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Binding]]:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield alias.asname or alias.name, Import(node.module or "", alias.name, node.level, node.lineno)
        else:  # `import a.b` binds a
            top = alias.name.partition(".")[0]
            yield alias.asname or top, Import(alias.name if alias.asname else top, line=node.lineno)


def _targets(
    target: ast.expr, value: ast.expr | None, annotation: ast.expr | None, how: str
) -> Iterator[tuple[str, Binding]]:
    if isinstance(target, ast.Name):
        yield target.id, Assignment(value, annotation, how, target.lineno)
    elif isinstance(target, ast.Starred):
        yield from _targets(target.value, None, None, "part")
    elif isinstance(target, ast.Tuple | ast.List):
        parts = value.elts if isinstance(value, ast.Tuple | ast.List) and how == "value" else []
        for number, inner in enumerate(target.elts):
            same = len(parts) == len(target.elts)
            yield from _targets(inner, parts[number] if same else None, None, how if same else "part")
