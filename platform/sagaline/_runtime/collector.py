"""Whether Python's cyclic garbage collector is running: what it ends, it ends at a time of its own."""

from __future__ import annotations

import gc
from typing import Any

_running = False


def is_running() -> bool:
    """True within a collection."""
    return _running


def _note(phase: str, _: dict[str, Any]) -> None:
    global _running
    _running = phase == "start"


gc.callbacks.append(_note)
