"""What workflow code can be seen to use: activities and workflows that its functions refer to.

Looks at names in the code of the function, of those written in it, and of the user's own functions that it refers
to: globals, closures, attributes of modules, of classes and of objects. What is made at run time stays unseen, so
what is not found here is no proof.
"""

from __future__ import annotations

import dis
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from sagaline._runtime.definitions import ActivityDefinition, definition_of

_FUNCTIONS = 5_000
_ITEMS = 1_000
_NESTING = 3
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF")


class Use(NamedTuple):
    """An activity, and file and line where the code refers to it."""

    activity: ActivityDefinition
    place: str


class _Reference(NamedTuple):
    value: Any
    place: str


def activities_used(workflow: Callable[..., Any]) -> list[Use]:
    """Activities that the workflow's code refers to, each once, in order of appearance."""
    home = _root(workflow)
    uses: dict[str, Use] = {}
    waiting: list[Callable[..., Any]] = [workflow]
    seen: set[int] = {id(workflow)}
    while waiting and len(seen) < _FUNCTIONS:
        for value, place in _references(waiting.pop(0), home):
            definition = definition_of(value)
            if isinstance(definition, ActivityDefinition):
                uses.setdefault(definition.name, Use(definition, place))
                continue
            fn: Any = value if definition is None else definition.fn
            if type(fn) is FunctionType and id(fn) not in seen and _is_users(_root(fn), home):
                seen.add(id(fn))
                waiting.append(fn)
    return list(uses.values())


def _references(fn: Callable[..., Any], home: str) -> Iterator[_Reference]:
    plain: Any = inspect.unwrap(fn)
    if type(plain) is not FunctionType:
        return
    for code in _codes(plain.__code__):
        cells = dict(zip(code.co_freevars, plain.__closure__ or (), strict=False)) if code is plain.__code__ else {}
        names = {*code.co_names, *code.co_freevars}
        for name, place in _roots(code).items():
            try:
                value = cells[name].cell_contents if name in cells else plain.__globals__[name]
            except (KeyError, ValueError):  # a builtin; a cell that is not filled yet
                continue
            for inner in _within(value, names, home, _NESTING):
                yield _Reference(inner, place)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code and that of the functions and comprehensions written in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _within(value: Any, names: set[str], home: str, nesting: int) -> Iterator[Any]:
    """The value, and what the code can reach from it by the names in it.

    Runs no code of the user's: a lazy object is asked neither for attributes nor for its class.
    """
    yield value
    if nesting > 0 and type(value) is not FunctionType and definition_of(value) is None:
        for part in _parts(value, names, home):
            plain = part.__func__ if type(part) is staticmethod else part
            yield from _within(plain, names, home, nesting - 1)


def _type_of(value: object) -> Any:
    return type(value)


def _parts(value: Any, names: set[str], home: str) -> list[Any]:
    kind: Any = _type_of(value)
    if kind in (list, tuple, set, frozenset):
        return list(islice(value, _ITEMS))
    if kind is dict:
        return list(islice(value.values(), _ITEMS))
    if kind is ModuleType:
        module: dict[str, Any] = value.__dict__
        is_users = _is_users(str(module.get("__name__", "")).partition(".")[0], home)
        return [module[name] for name in sorted(names & module.keys())] if is_users else []
    cls: Any = value if issubclass(kind, type) else kind
    if not _is_users(_root(cls), home):
        return []
    spaces: list[Mapping[str, Any]] = [vars(base) for base in type.__dict__["__mro__"].__get__(cls)]
    own: Any = None if cls is value else inspect.getattr_static(value, "__dict__", None)
    spaces += [own] if type(own) in (dict,) else []
    return [space[name] for name in sorted(names) for space in spaces if name in space]


def _roots(code: CodeType) -> dict[str, str]:
    """Names that the code looks up in its module or closure, with the place of the first use."""
    roots: dict[str, str] = dict.fromkeys(code.co_freevars, f"{code.co_filename}:{code.co_firstlineno}")
    used: set[str] = set()
    for step in dis.get_instructions(code):
        if step.opname in _LOADS and step.argval not in used:
            used.add(step.argval)
            line = step.positions.lineno if step.positions else None
            roots[step.argval] = f"{code.co_filename}:{line or code.co_firstlineno}"
    return roots


def _root(thing: Any) -> str:
    return str(getattr(thing, "__module__", None) or "").partition(".")[0]


def _is_users(root: str, home: str) -> bool:
    """The workflow's own package, or a module that is neither Python's, ours nor installed."""
    if root == home:
        return True
    if not root or root == "sagaline" or root in sys.stdlib_module_names:
        return False
    file = getattr(sys.modules.get(root), "__file__", None) or ""
    return "site-packages" not in file and "dist-packages" not in file
