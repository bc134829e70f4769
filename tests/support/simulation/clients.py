"""Clients beside those that start plain runs. Each draws of its own, so that others draw as they did before there were
these."""

from __future__ import annotations

import random

from simulation.broker import Broker
from simulation.checkers import Watcher
from simulation.holders import Holders
from simulation.limited import Limited
from simulation.persons import Persons
from simulation.schedules import Schedules
from simulation.talk import Talks
from simulation.undoers import Undoers
from simulation.with_start import UpdatesWithStart


def begin_clients(seed: int, broker: Broker, watcher: Watcher, repeats: bool, within_s: float) -> None:
    """Plans what they ask for; most of them are in some worlds alone."""
    Talks(random.Random(seed), broker, repeats).begin(within_s)
    if seed % 2:
        UpdatesWithStart(random.Random(f"with start {seed}"), broker, repeats).begin(within_s)
    else:
        Persons(random.Random(f"sagas {seed}"), broker, watcher.parking, repeats).begin(within_s)
    undoers = random.Random(f"undos {seed}")
    Undoers(undoers, broker, watcher.known, watcher.is_kept, repeats).begin(within_s)
    if seed % 6 == 1:
        Holders(random.Random(f"locks {seed}"), broker, repeats).begin(within_s)
    if seed % 6 == 4:
        Limited(random.Random(f"limits {seed}"), broker, repeats).begin(within_s)
    if seed % 8 == 2:
        Schedules(random.Random(f"schedules {seed}"), broker, repeats).begin(within_s)
