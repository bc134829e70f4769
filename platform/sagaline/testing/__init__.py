"""Tests of sagas: an environment in the test's own process, on a clock that does not wait. docs/testing.md.

Nothing here needs pytest; with it, the fixture ``sagaline_env`` makes environments.
"""

from __future__ import annotations

from sagaline.testing.activities import ActivityEnvironment
from sagaline.testing.clock import Stuck
from sagaline.testing.environment import Environment, EnvironmentOptions
from sagaline.testing.fail_after_each_step import fail_after_each_step
from sagaline.testing.hash_seeds import HashSeedMismatch
from sagaline.testing.history import History
from sagaline.testing.replaying import ReplayMismatch, replay
from sagaline.testing.stand_ins import Call
from sagaline.testing.trials import InvariantBroken, Trial, Trials

__all__ = [
    "ActivityEnvironment",
    "Call",
    "Environment",
    "EnvironmentOptions",
    "HashSeedMismatch",
    "History",
    "InvariantBroken",
    "ReplayMismatch",
    "Stuck",
    "Trial",
    "Trials",
    "fail_after_each_step",
    "replay",
]
