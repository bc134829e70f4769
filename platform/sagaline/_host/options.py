"""How a host behaves; the defaults are for production."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

PAYLOAD_LIMIT = 512_000
"""Bytes of one payload at most: two of them fit into a record."""


def wall_clock_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class HostOptions:
    """``member_id`` is the worker's static id in the group.

    Bounds: instances and run rows kept in memory, appends in flight before reading pauses, activities at once,
    threads for ordinary functions, seconds that running activities get when the worker stops. ``retention_ms``: how
    long a closed run stays; ``sweep_s``: how often those whose time is over are looked for. ``append_timeout_s``:
    after so long without an acknowledgement the producer is given up; brokers remember a producer far longer.
    ``outbox_give_up_s``: a message that cannot be published for so long becomes a dead letter. ``standbys``: warm
    copies of each partition beside its owner's; ``standby_check_s``: how often it is looked at who keeps them.
    """

    member_id: str
    cached_instances: int = 5_000
    cached_runs: int = 20_000
    appends_in_flight: int = 5_000
    concurrent_activities: int = 1_000
    activity_threads: int = 16
    stop_grace_s: float = 10.0
    superseded_wait_s: float = 10.0
    retention_ms: int = 7 * 24 * 3_600_000
    sweep_s: float = 10.0
    append_timeout_s: float = 120.0
    outbox_give_up_s: float = 60.0
    standbys: int = 0
    standby_check_s: float = 5.0
    clock: Callable[[], int] = wall_clock_ms
