"""The workflows that every worker has, whatever else it is given."""

from __future__ import annotations

from typing import Any

from sagaline._system.locks.lock import Lock

SYSTEM_WORKFLOWS: tuple[type[Any], ...] = (Lock,)
"""One line an entity."""
