"""The rows of a partition at three levels: stored, acknowledged above that, decided above that."""

from __future__ import annotations

from sagaline._engine.meta import Meta
from sagaline._engine.overlay import Overlay
from sagaline._engine.state import State
from sagaline._host.options import HostOptions
from sagaline._host.partition.guard import Guard
from sagaline._host.recovery.write_back import WriteBack
from sagaline._store import Store


class Rows:
    """``decided`` is what deciding looks at and adds to; ``durable`` what the outside may know."""

    def __init__(self, store: Store, meta: Meta, options: HostOptions, guard: Guard) -> None:
        self._options = options
        self.acknowledged = WriteBack(store, meta, guard)
        self.overlay = Overlay(self.acknowledged)
        self.decided = State(self.overlay, meta, options.cached_runs)
        self.durable = State(Overlay(self.acknowledged), meta, cached_runs=0)

    def resize(self, share: float) -> None:
        """``share``: how much of what the process may keep in memory is for this partition."""
        self.decided.resize(int(self._options.cached_runs * share))
        self.acknowledged.bytes_kept = int(self._options.write_back_bytes * share)
