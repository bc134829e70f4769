"""Durations as users write them; what is none is a ConfigurationError."""

from __future__ import annotations

from sagaline._model.durations import Duration as Duration
from sagaline._model.durations import duration_ms
from sagaline.errors import ConfigurationError


def milliseconds(duration: Duration, what: str = "a duration", *, least_ms: int = 1) -> int:
    """The duration in whole milliseconds, rounded; what is above zero is at least one.

    ``what`` names it in the error. With ``least_ms=0`` a duration may be zero. Raises ConfigurationError when it is
    no duration, is below that or above a hundred years.
    """
    try:
        return duration_ms(duration, what, least_ms=least_ms)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def seconds(duration: Duration, what: str = "a duration", *, least_ms: int = 1) -> float:
    """As ``milliseconds``, in seconds."""
    return milliseconds(duration, what, least_ms=least_ms) / 1_000
