"""Durations as people write them: the one parser, for decorators, options, errors, the client and the command line."""

from __future__ import annotations

import re
from datetime import timedelta

from sagaline._model.limits import DURATION_MS, cut

Duration = str | float | timedelta
"""Seconds as a number, a timedelta, or text such as "250ms", "10s", "5m", "2h", "3d" (without a unit: seconds)."""

_UNITS_MS = {"ms": 1, "": 1_000, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TEXT = re.compile(r"\s*([0-9]{1,30}(?:\.[0-9]{1,30})?)\s*(ms|s|m|h|d|)\s*")
_SHOWN_BYTES = 100


def duration_ms(duration: Duration, what: str = "a duration", *, least_ms: int = 1) -> int:
    """The duration in whole milliseconds, rounded; what is above zero is at least one.

    ``what`` names it in the error. With ``least_ms=0`` a duration may be zero. Raises ValueError, with a message for
    the reader, when it is no duration, is below that or above a hundred years.
    """
    parsed = _parsed(duration)
    if parsed is None:
        raise ValueError(
            f'Expected {what} to be seconds as a number, a timedelta, or text such as "250ms", "10s" or "2h" '
            f"but got {_shown(duration)}."
        )
    if not parsed <= DURATION_MS:
        raise ValueError(f"Expected {what} of at most 100 years but got {_shown(duration)}.")
    if parsed < 0 or (parsed == 0 and least_ms > 0):
        raise ValueError(f"Expected {what} to be above zero but got {_shown(duration)}.")
    whole = round(parsed) if parsed == 0 else max(1, round(parsed))
    if whole < least_ms:
        raise ValueError(f"Expected {what} of at least {least_ms} ms but got {_shown(duration)}.")
    return whole


def _parsed(duration: object) -> float | None:
    """Milliseconds, not yet bounded; None when it is no duration, as NaN and truth values are not."""
    if isinstance(duration, timedelta):
        return duration.total_seconds() * 1_000
    if isinstance(duration, str):
        match = _TEXT.fullmatch(duration)
        return None if match is None else float(match[1]) * _UNITS_MS[match[2]]
    if isinstance(duration, bool) or not isinstance(duration, int | float) or duration != duration:
        return None
    return duration * 1_000


def _shown(duration: object) -> str:
    if isinstance(duration, str | int | float | timedelta):
        try:
            return cut(repr(duration), _SHOWN_BYTES)
        except ValueError:  # an int with more digits than Python is willing to write
            return "a number of thousands of digits"
    return f"{type(duration).__name__}"
