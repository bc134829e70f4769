"""Python 3.12 and later: the calls of workflow code are reported (PEP 669), those of other code are not.

Reports are switched on for the code of each workflow, of the functions in it, and of each function of the user's that
such code calls, when it first does. Functions that nobody may call in a workflow report themselves.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType
from typing import Any

from sagaline._host.forbidden import users
from sagaline._host.forbidden.refusing import guarded_loop, refuse
from sagaline._host.forbidden.table import PYTHON_FUNCTIONS, forbidden_call
from sagaline._runtime.definitions import Registry

_TOOLS = (4, 3)  # neither a debugger's, nor coverage's, nor a profiler's
_monitoring: Any = getattr(sys, "monitoring", None)
AVAILABLE = _monitoring is not None
_followed: set[CodeType] = set()
_tool: int | None = None


def watch(registry: Registry) -> None:
    """Looks at these workflows."""
    users.know(registry)
    if _tool is None and not _install():
        return
    for definition in registry.users.values():
        _follow(definition.fn)


def _install() -> bool:
    global _tool
    _tool = next((tool for tool in _TOOLS if _monitoring.get_tool(tool) is None), None)
    if _tool is None:
        return False
    events = _monitoring.events
    _monitoring.use_tool_id(_tool, "sagaline")
    _monitoring.register_callback(_tool, events.CALL, _on_call)
    _monitoring.register_callback(_tool, events.PY_START, _on_start)
    for code in PYTHON_FUNCTIONS:
        _monitoring.set_local_events(_tool, code, events.PY_START)
    return True


def _on_start(code: CodeType, _: int) -> None:
    loop = guarded_loop()
    if loop is not None:
        refuse(loop, PYTHON_FUNCTIONS[code])


def _on_call(_code: CodeType, _offset: int, callee: Any, first: object) -> None:
    loop = guarded_loop()
    if loop is None:
        return
    call = forbidden_call(callee, first)
    if call is not None:
        refuse(loop, call)
    _follow(callee)


def _follow(callee: Any) -> None:
    kind: Any = type(callee)  # pyright: ignore[reportUnknownVariableType]
    if kind is MethodType:
        callee = callee.__func__
    elif kind is not FunctionType:
        if not isinstance(callee, type):
            return
        callee = vars(callee).get("__init__")
    if type(callee) is FunctionType and callee.__code__ not in _followed:
        plain = inspect.unwrap(callee)
        for function in (callee, plain):
            if type(function) is FunctionType and users.is_users(function.__globals__):
                for code in _codes(function.__code__):
                    _followed.add(code)
                    _monitoring.set_local_events(_tool, code, _monitoring.events.CALL)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code and that of the functions written in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
