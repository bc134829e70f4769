"""Behaviours of the runtime that have changed, by number.

A run keeps the set that was current when it started: it stands in its first history record, so that a newer
runtime replays an old run as the old one has run it. Numbers are never reused.

A behaviour needs a number only if the commands of an activation that is in history differ. What used to be a bug
needs none: the activation of a bug leaves nothing in history but RunParked, and is decided anew when the run goes on.

1 and 2 are in every run of the first format and were never read: all jobs of an activation are applied before the
loop runs, and a rollback waits for the outcome of every step.
"""

from __future__ import annotations

BOUNDED_ACTIVATIONS = 3
"""What an activation may use is bounded. Runs without it have ten times the bounds: theirs came before them."""

CURRENT: tuple[int, ...] = (BOUNDED_ACTIVATIONS,)
KNOWN = frozenset(CURRENT) | {1, 2}
