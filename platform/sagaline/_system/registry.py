"""The workflows that every worker has, whatever else it is given."""

from __future__ import annotations

from typing import Any

from sagaline._system.flow.limit import Limit
from sagaline._system.locks.lock import Lock
from sagaline._system.schedules.firing import Firing
from sagaline._system.schedules.schedule import Schedule

SYSTEM_WORKFLOWS: tuple[type[Any], ...] = (
    Firing,
    Limit,
    Lock,
    Schedule,
)
"""One line an entity."""
