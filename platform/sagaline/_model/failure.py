"""Failures and retry policies as data: they cross the log, so they are never exceptions or closures here."""

from __future__ import annotations

import msgspec

APPLICATION = "application"
TIMEOUT = "timeout"
CANCELLED = "cancelled"
BUG = "bug"

STEP_PARKED = "StepParked"
"""The type of the failure of a run of which a step waits for a person."""


class Failure(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Why something failed. ``kind`` is one of the constants of this module."""

    type: str
    message: str
    kind: str = APPLICATION
    stack: str = ""
    retryable: bool = True
    clean: bool = False
    cause: Failure | None = None


class RetryPolicy(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How attempts of an activity follow each other.

    ``attempts`` counts all of them, the first included; 0 means without end. Intervals are in milliseconds.
    """

    first_interval_ms: int = 1_000
    coefficient: float = 2.0
    maximum_interval_ms: int = 60_000
    attempts: int = 10
    non_retryable: tuple[str, ...] = ()

    def interval_ms(self, attempt: int) -> int:
        """Wait after failed attempt number ``attempt`` (from 1), before jitter."""
        try:
            wait = self.first_interval_ms * self.coefficient ** (attempt - 1)
        except OverflowError:
            return self.maximum_interval_ms
        return int(min(wait, self.maximum_interval_ms))
