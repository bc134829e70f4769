"""Waits that grow: what fails is tried again, soon at first and then seldom."""

from __future__ import annotations

FIRST_S = 0.5
MOST_S = 30.0


def wait_s(failures: int) -> float:
    """Seconds to wait after so many failures in a row."""
    return float(min(MOST_S, FIRST_S * 2 ** min(failures - 1, 16)))
