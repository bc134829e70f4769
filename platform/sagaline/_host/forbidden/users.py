"""Which code is the user's own: what a workflow of theirs calls is looked at, what a library calls is not."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sagaline._runtime.definitions import Registry

_homes: set[str] = set()


def know(registry: Registry) -> None:
    """The packages of these workflows are the user's, wherever they are installed."""
    homes = {definition.fn.__module__.partition(".")[0] for definition in registry.users.values()}
    _homes.update(homes - {"sagaline"})  # a test may give a worker the platform's own
    _is_users.cache_clear()


def is_users(globals_: Mapping[str, Any]) -> bool:
    """True of code with these globals when it is neither Python's, ours nor a library's."""
    return _is_users(str(globals_.get("__name__", "")).partition(".")[0], str(globals_.get("__file__", "")))


@lru_cache(maxsize=10_000)
def _is_users(root: str, file: str) -> bool:
    if root in _homes:
        return True
    if root in ("sagaline", "anyio") or root in sys.stdlib_module_names:
        return False
    return "site-packages" not in file and "dist-packages" not in file
