"""The workflows that every worker has, whatever else it is given."""

from __future__ import annotations

from typing import Any

SYSTEM_WORKFLOWS: tuple[type[Any], ...] = ()
"""One line an entity."""
