"""Scans of rows that are not stored yet."""

from __future__ import annotations

import time

from growing import growth
from sagaline._engine.overlay import Overlay
from sagaline._store.memory import MemoryStore


@growth("overlay: scan of one run's rows among those of all, each written and scanned once", 1_000)
def scans_of_a_run(size: int) -> float:
    overlay = Overlay(MemoryStore())
    begin = time.process_time()
    for number in range(size):
        for step in range(4):
            overlay.add({b"a/%032x/%08x" % (number, step): b"row"})
        list(overlay.scan(b"a/%032x/" % number))
    return time.process_time() - begin
