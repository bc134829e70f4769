"""Python 3.11: there, nothing but a profile function sees all calls, and it costs as much as the code that it looks at.

So it looks at the first activations of each workflow, and at a few of those that follow.
"""

from __future__ import annotations

from types import FrameType
from typing import Any

from sagaline._host.forbidden import users
from sagaline._host.forbidden.refusing import guarded_loop, refuse
from sagaline._host.forbidden.table import PYTHON_FUNCTIONS, Forbidden, forbidden_call, forbidden_method
from sagaline._runtime import watching
from sagaline._runtime.definitions import Registry


def watch(registry: Registry) -> None:
    """Looks at activations of these workflows."""
    users.know(registry)
    watching.profile = _profile


def _profile(frame: FrameType, event: str, callee: Any) -> None:
    if event == "c_call":
        call = forbidden_call(callee, None)
        if call is not None and users.is_users(frame.f_globals):
            _refuse(call)
    elif event == "call":
        call = PYTHON_FUNCTIONS.get(frame.f_code)
        if call is None and "self" in frame.f_code.co_varnames[:1] and _is_called_by_users(frame):
            call = forbidden_method(frame.f_code, frame.f_locals.get("self"))
        if call is not None:
            _refuse(call)


def _is_called_by_users(frame: FrameType) -> bool:
    return frame.f_back is not None and users.is_users(frame.f_back.f_globals)


def _refuse(call: Forbidden) -> None:
    loop = guarded_loop()
    if loop is not None:
        refuse(loop, call)
