"""What a user can set of a worker."""

from __future__ import annotations

from dataclasses import dataclass

from sagaline._host.watchdog.watchdog import StallBounds
from sagaline._runtime.checks import shown, whole_number
from sagaline._runtime.durations import Duration, milliseconds, seconds
from sagaline.errors import ConfigurationError

_WHOLE_NUMBERS = (
    ("concurrent_activities", 1, 1_000_000),
    ("activity_threads", 1, 10_000),
    ("activity_processes", 0, 1_000),
    ("standbys", 0, 100),
    ("memory_mb", 32, 10_000_000),
)


@dataclass(frozen=True)
class WorkerOptions:
    """How a worker behaves. Give all workers of a namespace the same ``retention`` and ``standbys``.

    Durations are seconds as a number, a timedelta, or text such as "10s". Raises ConfigurationError for what makes no
    sense.
    """

    concurrent_activities: int = 1_000
    """Attempts of async activities that run at once."""
    activity_threads: int = 16
    """Threads for activities that are ordinary functions: so many attempts of those run at once."""
    activity_processes: int = 0
    """Processes for activities with ``executor="process"``: so many attempts of those run at once. 0: as many as the
    machine has processors."""
    stop_grace: Duration = "10s"
    """How long running activities get when the worker stops; may be 0."""
    retention: Duration = "7d"
    """How long a closed run stays in the log and can be read."""
    standbys: int = 0
    """How many other workers keep a warm copy of each partition, so that a takeover reads only the tail."""
    memory_mb: int = 256
    """Bound on what piles up in a flood: payloads of instances, of open activities, and of appends on their way; and
    half as much for RocksDB. docs/operations.md says what a process takes in all."""
    stall_warning: Duration = "5s"
    """The event loop has stood still for so long: the log says where."""
    stall_interrupt: Duration = "30s"
    """After so long code on the loop is interrupted, if it can be: a run is parked, an attempt fails."""
    stall_give_up: Duration = "60s"
    """After so long the worker lets go of its partitions. docs/operations.md, "When a worker stands still"."""
    end_when_stalled: bool = False
    """End the process then, with exit code 75, so that its supervisor starts another. ``sagaline worker`` does."""
    metrics_port: int | None = None
    """Serve Prometheus' metrics at this port, under /metrics; 0: at any that is free. Needs ``sagaline[metrics]``."""
    metrics_host: str = "0.0.0.0"
    """The address that they are served at: by default all of the machine's."""
    check_code: bool = True
    """Look at the code of the workflows at start, as ``sagaline check`` does, and log what would differ on replay."""
    replay_always: bool = False
    """Keep no run in memory: each activation replays its run from history, so that code which is not deterministic
    parks at once. For tests and rehearsals; SAGALINE_REPLAY_ALWAYS=1 in the environment does the same."""

    def __post_init__(self) -> None:
        for name, least, most in _WHOLE_NUMBERS:
            whole_number(getattr(self, name), name, least, most, "WorkerOptions")
        if self.metrics_port is not None:
            whole_number(self.metrics_port, "metrics_port", 0, 65_535, "WorkerOptions")
        if not isinstance(self.metrics_host, str) or not self.metrics_host:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError(f"Expected metrics_host to be an address but got {shown(self.metrics_host)}.")
        seconds(self.stop_grace, "stop_grace", least_ms=0)
        milliseconds(self.retention, "retention")
        bounds = self.stall_bounds()
        if not bounds.warn_s <= bounds.interrupt_s < bounds.give_up_s:
            raise ConfigurationError(
                f"Expected stall_warning <= stall_interrupt < stall_give_up but they are {shown(self.stall_warning)}, "
                f"{shown(self.stall_interrupt)} and {shown(self.stall_give_up)}."
            )
        _require_bool(self.end_when_stalled, "end_when_stalled")
        _require_bool(self.check_code, "check_code")
        _require_bool(self.replay_always, "replay_always")

    def stall_bounds(self) -> StallBounds:
        """When the watchdog acts."""
        return StallBounds(
            seconds(self.stall_warning, "stall_warning"),
            seconds(self.stall_interrupt, "stall_interrupt"),
            seconds(self.stall_give_up, "stall_give_up"),
            self.end_when_stalled,
        )


def _require_bool(given: object, name: str) -> None:
    if not isinstance(given, bool):
        raise ConfigurationError(f"Expected {name} to be True or False but got {shown(given)}.")


DEFAULTS = WorkerOptions()
