"""What came of a run of chaos, as a page."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

ORDERS_A_SECOND = 12.0


class Outcome(NamedTuple):
    """What came of it."""

    seed: int
    minutes: float
    orders: int
    faults: Counter[str]
    violations: list[str]
    recoveries_s: list[float]
    records: int


def report(found: Outcome) -> str:
    """The page of a run."""
    recoveries = found.recoveries_s
    p99 = recoveries[min(len(recoveries) - 1, int(len(recoveries) * 0.99))] if recoveries else 0.0
    median = recoveries[len(recoveries) // 2] if recoveries else 0.0
    lines = [
        f"# Chaos, seed {found.seed}, {found.minutes:g} minutes",
        "",
        f"`make chaos MINUTES={found.minutes:g} SEED={found.seed}`: three brokers (replication 3, min.insync 2), three workers, "
        f"{found.orders} orders at {ORDERS_A_SECOND:g} a second, {found.records} records of history.",
        "",
        "| done to it | times |",
        "|---|---|",
        *(f"| {name} | {count} |" for name, count in sorted(found.faults.items())),
        "",
        f"From a fault to the next order that ended, anywhere: median {median:.1f} s, p99 {p99:.1f} s.",
        "",
        "Checked: every order has one outcome; the shop's books (stock, money, parcels, each deed once by key); in the raw "
        "history event numbers without gap or repeat, epochs and positions that never go back, one outcome a step, one "
        "terminal event a run with nothing behind it, timers never early.",
        "",
        f"**Violations: {len(found.violations)}**",
        *(f"- {what}" for what in found.violations[:50]),
    ]
    return "\n".join(lines) + "\n"
