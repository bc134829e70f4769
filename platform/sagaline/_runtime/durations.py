"""Durations as people write them."""

from __future__ import annotations

import re
from datetime import timedelta

from sagaline.errors import ConfigurationError

Duration = str | float | timedelta
"""Seconds as a number, a timedelta, or text such as "250ms", "10s", "5m", "2h", "3d"."""

_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TEXT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*")


def milliseconds(duration: Duration) -> int:
    """The duration in whole milliseconds; raises ConfigurationError when it is not one or not positive."""
    if isinstance(duration, timedelta):
        found = duration.total_seconds() * 1_000
    elif isinstance(duration, str):
        match = _TEXT.fullmatch(duration)
        if match is None:
            raise ConfigurationError(f'Expected a duration such as "250ms", "10s" or "2h" but got {duration!r}.')
        found = float(match[1]) * _UNITS_MS[match[2]]
    else:
        found = duration * 1_000
    if found <= 0:
        raise ConfigurationError(f"Expected a duration above zero but got {duration!r}.")
    return max(1, round(found))
