"""What came of a run of chaos, as a page."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from chaos_load import Load


class Outcome(NamedTuple):
    """What came of it."""

    seed: int
    minutes: float
    placed: int
    faults: Counter[str]
    violations: list[str]
    recoveries_s: list[float]
    records: int


def report(found: Outcome, load: Load) -> str:
    """The page of a run."""
    recoveries = found.recoveries_s
    p99 = recoveries[min(len(recoveries) - 1, int(len(recoveries) * 0.99))] if recoveries else 0.0
    median = recoveries[len(recoveries) // 2] if recoveries else 0.0
    lines = [
        f"# Chaos, seed {found.seed}, {found.minutes:g} minutes",
        "",
        f"`make {load.make} MINUTES={found.minutes:g} SEED={found.seed}`: three brokers (replication 3, min.insync 2), three workers, "
        f"{found.placed} {load.things} at {load.a_second:g} a second, {found.records} records of history.",
        "",
        "| done to it | times |",
        "|---|---|",
        *(f"| {name} | {count} |" for name, count in sorted(found.faults.items())),
        "",
        f"| what became of the {load.things} | |",
        "|---|---|",
        *(f"| {name} | {count} |" for name, count in load.figures().items()),
        "",
        f"From a fault to the next of the {load.things} that ended, anywhere: median {median:.1f} s, p99 {p99:.1f} s.",
        "",
        f"Checked: all {load.things} have one outcome; {load.checked()}; in the raw "
        "history event numbers without gap or repeat, epochs and positions that never go back, one outcome a step, one "
        "terminal event a run with nothing behind it, timers never early.",
        "",
        f"**Violations: {len(found.violations)}**",
        *(f"- {what}" for what in found.violations[:50]),
    ]
    return "\n".join(lines) + "\n"
