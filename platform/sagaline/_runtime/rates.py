"""Limits of one kind of activity, per worker: how many at once, how many in a time."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from sagaline._runtime import checks
from sagaline.errors import ConfigurationError

_RATE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*/\s*(ms|s|m|h|d)\s*")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_MOST = 1_000_000


class TypeLimits(NamedTuple):
    """``concurrency``: attempts at once, 0 for any number. ``interval_s``: between two that begin, 0 for none."""

    concurrency: int
    interval_s: float
    rate: str
    """As it was written."""


def type_limits(concurrency: int | None, rate: str | None, place: str) -> TypeLimits | None:
    """The limits, or None where there is none. Raises ConfigurationError."""
    if concurrency is None and rate is None:
        return None
    most = 0 if concurrency is None else checks.whole_number(concurrency, "concurrency", 1, _MOST, place)
    return TypeLimits(most, 0.0 if rate is None else interval_s(rate, place), rate or "")


def interval_s(rate: object, place: str) -> float:
    """Seconds between two that begin, of a rate as it is written. Raises ConfigurationError."""
    match = _RATE.fullmatch(rate) if isinstance(rate, str) else None
    count = 0.0 if match is None else float(match[1])
    if match is None or not 0 < count < math.inf or count / _SECONDS[match[2]] > _MOST:
        raise ConfigurationError(
            f'Expected rate to be a number of attempts in a time, such as "100/s" or "6/m", a million a second at '
            f"most, but got {checks.shown(rate)} ({place})."
        )
    return _SECONDS[match[2]] / count
