"""Whether the calls of an activation are looked at, where looking is dear: the host gives the function that does it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

Profile = Callable[[FrameType, str, Any], object]

FIRST = 200
EACH = 100
profile: Profile | None = None
_counts: dict[str, int] = {}


def profile_for(workflow: str) -> Profile | None:
    """For the first activations of a workflow in this process, and one in a hundred of those that follow."""
    if profile is None:
        return None
    count = _counts[workflow] = _counts.get(workflow, 0) + 1
    return profile if count <= FIRST or count % EACH == 0 else None


def look_away() -> None:
    """An activation has become long: looking at all of it would take ten times as long."""
    if profile is not None and sys.getprofile() is profile:
        sys.setprofile(None)


def count_anew() -> None:
    """As in a process that has just begun."""
    _counts.clear()
