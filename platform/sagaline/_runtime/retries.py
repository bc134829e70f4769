"""Retry policies as users write them, checked where they are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sagaline._model.failure import RetryPolicy
from sagaline._model.limits import ATTEMPTS
from sagaline._runtime import checks
from sagaline._runtime.durations import Duration, milliseconds
from sagaline._runtime.failures import error_name
from sagaline._runtime.frames import caller
from sagaline.errors import ConfigurationError

_MAXIMUM_INTERVAL_MS = 60_000


@dataclass(frozen=True)
class Retry:
    """How attempts of an activity follow each other.

    ``attempts`` counts all of them; 0 means without end. The wait begins at ``first_interval``, grows by
    ``coefficient`` up to ``maximum_interval`` (by default a minute, or the first interval where that is longer), and
    is shortened by up to ``jitter`` of it, a tenth, so that runs that failed together do not come back together. Errors
    in ``non_retryable`` end the attempts at once: classes with all their subclasses, or names that are the type of the
    failure exactly.

    Raises ConfigurationError, with the place of the call, when it makes no sense.
    """

    attempts: int = 10
    first_interval: Duration = "1s"
    coefficient: float = 2.0
    maximum_interval: Duration | None = None
    non_retryable: Sequence[str | type[BaseException]] = ()
    jitter: float = 0.1

    def __post_init__(self) -> None:
        place = caller()
        first_ms = placed_milliseconds(self.first_interval, "first_interval", place)
        maximum_ms = max(first_ms, _MAXIMUM_INTERVAL_MS)
        if self.maximum_interval is not None:
            maximum_ms = placed_milliseconds(self.maximum_interval, "maximum_interval", place)
        if maximum_ms < first_ms:
            raise ConfigurationError(
                f"Expected a maximum_interval not below the first_interval but got {self.maximum_interval!r} and "
                f"{self.first_interval!r} ({place})."
            )
        policy = RetryPolicy(
            first_ms,
            _coefficient(self.coefficient, place),
            maximum_ms,
            checks.whole_number(self.attempts, "attempts", 0, ATTEMPTS, place),
            checks.error_names(self.non_retryable, error_name, place),
        )
        object.__setattr__(self, "_policy", policy)
        object.__setattr__(self, "_jitter", _percent(self.jitter, place))

    def policy(self) -> RetryPolicy:
        """The policy as data."""
        return cast("RetryPolicy", self.__dict__["_policy"])

    def jitter_percent(self) -> int:
        """How many percent of a wait are left to chance."""
        return cast("int", self.__dict__["_jitter"])


def _percent(value: object, place: str) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return round(value * 100)
    raise ConfigurationError(f"Expected jitter to be a number from 0 to 1 but got {checks.shown(value)} ({place}).")


def _coefficient(value: object, place: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value < math.inf:
        try:
            return float(value)
        except OverflowError:
            pass
    raise ConfigurationError(f"Expected coefficient to be a number from 1 but got {checks.shown(value)} ({place}).")


def placed_milliseconds(duration: Duration, what: str, place: str) -> int:
    """As ``milliseconds``, with the place in the error."""
    try:
        return milliseconds(duration, what)
    except ConfigurationError as error:
        raise ConfigurationError(f"{str(error)[:-1]} ({place}).") from error
