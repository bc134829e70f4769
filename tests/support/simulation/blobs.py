"""The store of large payloads that all processes of the simulation see, and the threads in which it is called."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sagaline._log import Record
from simulation.broker import Broker
from simulation.loop import Call

_BLOB = re.compile(rb"([0-9a-f]{32})/([0-9a-f]{64})")
_HANGS_S = 45.0
"""Longer than anybody waits for."""


class SimBlobs:
    """Sometimes it does not answer, and sometimes late. ``on_call`` hears of every call."""

    def __init__(self, broker: Broker, on_call: Callable[[], None]) -> None:
        self._broker, self._on_call = broker, on_call
        self.kept: dict[str, dict[str, bytes]] = {}
        self.deleted: set[str] = set()
        """Runs that were deleted here. What comes for them afterwards is of an owner that does not know yet that it has
        lost its partition: no record names it (docs/decisions/0036)."""

    def _reach(self) -> None:
        self._on_call()
        if self._broker.draw.random() < self._broker.faults.blobs_down:
            self._broker.marks["blobs down"] += 1
            raise OSError("the store of blobs does not answer (simulation)")

    def put(self, run_id: str, digest: str, data: bytes) -> None:
        self._reach()
        self._broker.marks["blob"] += 1
        self.kept.setdefault(run_id, {})[digest] = data

    def get(self, run_id: str, digest: str) -> bytes:
        self._reach()
        try:
            return self.kept[run_id][digest]
        except KeyError:
            raise FileNotFoundError(digest) from None

    def delete_run(self, run_id: str) -> None:
        self._reach()
        self.kept.pop(run_id, None)
        self.deleted.add(run_id)

    def in_thread(self, executor: Any, call: Call) -> None:
        """Calls, in a thread for blobs, when the store gets to it; calls in other threads are not kept waiting."""
        broker = self._broker
        if getattr(executor, "_name", "") != "sagaline-blobs" or broker.draw.random() >= broker.faults.blobs_slow:
            call()
            return
        broker.marks["blobs slow"] += 1
        broker.loop.call_later(_HANGS_S if broker.draw.random() < 0.02 else broker.draw.uniform(0.001, 2.0), call)

    def lacks(self, record: Record) -> list[str]:
        """The blobs that a record names and that are neither stored nor gone with their run."""
        found = [(run_id.decode(), digest.decode()) for run_id, digest in _BLOB.findall(record.value or b"")]
        return [
            f"{run_id}/{digest}"
            for run_id, digest in found
            if run_id not in self.deleted and digest not in self.kept.get(run_id, {})
        ]
