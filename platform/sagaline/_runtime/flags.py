"""Behaviours of the runtime that may ever change, by number.

A run keeps the set that was current when it started: it stands in its first history record, so that a newer
runtime replays an old run as the old one would have run it. Numbers are never reused.
"""

from __future__ import annotations

JOBS_BEFORE_LOOP = 1
"""All jobs of an activation are applied before the loop runs."""

SETTLE_BEFORE_ROLLBACK = 2
"""A rollback waits for the outcome of every step before the first compensation starts."""

CURRENT: tuple[int, ...] = (JOBS_BEFORE_LOOP, SETTLE_BEFORE_ROLLBACK)
