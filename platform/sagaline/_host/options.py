"""How a host behaves; the defaults are for production."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sagaline._host.hooks import Hooks
from sagaline._host.watchdog.marks import Marks
from sagaline._host.watchdog.running import Running
from sagaline._payloads import PLAIN, Sealer


def wall_clock_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class HostOptions:
    """All that can be set; users see a part of it as WorkerOptions."""

    member_id: str
    """The worker's static id in the group."""

    concurrent_activities: int = 1_000
    """Attempts that run at once."""
    activity_threads: int = 16
    """Threads for activities that are ordinary functions."""
    activity_processes: int = 2
    """Processes for activities with ``executor="process"``."""
    stop_grace_s: float = 10.0
    """What running activities get when the worker stops."""

    cached_instances: int = 50_000
    """Workflow instances in memory; others are rebuilt from history when they are needed. 0: none is kept."""
    asleep_ms: int = 10_000
    """A run that waits for nothing but a timer that is further away leaves memory; with a long history later."""
    cached_instance_bytes: int = 64_000_000
    """The same, by the bytes of the payloads that they were given."""
    cached_runs: int = 20_000
    """Decoded rows of runs, and of open activities, in memory."""
    timer_window: int = 4_000
    """Timers in memory, the earliest; the rest stays in the store."""

    appends_in_flight: int = 5_000
    """Appends without their acknowledgement before reading pauses."""
    bytes_in_flight: int = 32_000_000
    """The same in bytes, with messages that have not left."""
    activity_bytes: int = 64_000_000
    """Inputs of attempts that run or wait, before reading pauses."""
    write_back_bytes: int = 16_000_000
    """Acknowledged rows that gather before they are written to the store."""
    append_timeout_s: float = 120.0
    """After so long without an acknowledgement the producer is given up; brokers remember a producer far longer."""
    outbox_give_up_s: float = 60.0
    """A message that cannot be published for so long becomes a dead letter."""
    in_flight_s: float = 120.0
    """For so long what an owner has published may be on its way, also when another has taken over."""
    claim_retry_s: float = 0.2
    """Pause before a partition is claimed again; it doubles with each loss in a row, up to ``claim_retry_max_s``."""
    claim_retry_max_s: float = 10.0
    superseded_wait_s: float = 10.0
    """Pause before a partition is claimed again that another worker has claimed."""

    retention_ms: int = 7 * 24 * 3_600_000
    """How long a closed run stays."""
    sweep_s: float = 10.0
    """How often those whose time is over are looked for."""

    standbys: int = 0
    """Warm copies of each partition beside its owner's."""
    standby_check_s: float = 5.0
    """How often it is looked at who keeps them."""

    payloads: Sealer = PLAIN
    """Codecs, and the store of large payloads."""

    clock: Callable[[], int] = wall_clock_ms
    """Milliseconds since 1970."""

    hooks: Hooks | None = None
    """Who listens, if anybody does."""
    running: Running = field(default_factory=Running)
    """The user code that the loop is in, for the watchdog."""
    marks: Marks = field(default_factory=Marks)
    """Runs that made a worker of this state directory give up: they are parked before they run again."""
