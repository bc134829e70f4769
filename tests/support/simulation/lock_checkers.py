"""What must hold of locks, by the raw log alone: by what their runs were told and have answered, and by the wills of the
sagas that have asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sagaline._model import events as e
from sagaline._payloads import is_sealed
from simulation.book_checkers import Run
from simulation.will_checkers import standing

PREFIX = "sagaline.lock/"
_TOKEN = "sagaline/token/"


@dataclass
class _Lock:
    """What is known of one."""

    fencing: int = 0
    asks: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    waiting: list[str] = field(default_factory=list[str])  # requests, in order
    holders: set[str] = field(default_factory=set[str])  # requests, by which one saga has it


class LockChecks:
    """Numbers grow from holder to holder; who waits first has it first; and nobody has it before the saga that had it
    has ended for good, or has given it back, durably. A lease may end before. ``runs``: all that there were, by id."""

    def __init__(
        self, violations: list[str], marks: Counter[str], runs: Callable[[], Iterable[tuple[str, Run]]]
    ) -> None:
        self._violations, self._marks, self._runs = violations, marks, runs
        self._locks: dict[str, _Lock] = {}

    def happened(self, workflow_id: str, event: object) -> None:
        """A valid event."""
        if not workflow_id.startswith(PREFIX):
            return
        lock = self._locks.setdefault(workflow_id, _Lock())
        match event:
            case e.SignalReceived() if not is_sealed(event.input):
                (argument,) = msgspec.json.decode(event.input)
                if event.signal == "acquire":
                    self._acquire(lock, argument)
                elif event.signal == "release":
                    self._over(lock, argument)
            case e.RunTerminated():  # by a person: it knows nothing more of who had it and who waits
                self._marks["lock ended by a person"] += 1
                self._locks[workflow_id] = _Lock(lock.fencing)
            case e.MessageRequested() if event.signal.startswith(_TOKEN) and not is_sealed(event.input):
                number = event.signal.removeprefix(_TOKEN)
                self._answered(workflow_id, lock, f"{event.target_run_id}-{number}-{event.target_id}", event.input)
            case _:
                pass

    def _acquire(self, lock: _Lock, ask: dict[str, Any]) -> None:
        request = ask["request"]
        if request not in lock.asks and request not in lock.waiting:
            lock.asks[request] = ask
            lock.waiting.append(request)

    def _over(self, lock: _Lock, request: str) -> None:
        lock.asks.setdefault(request, {})
        lock.holders.discard(request)
        if request in lock.waiting:
            lock.waiting.remove(request)

    def _answered(self, name: str, lock: _Lock, request: str, payload: bytes) -> None:
        answer = msgspec.json.decode(payload)[0]["value"]
        kind = answer["kind"]
        self._marks[f"lock {kind}"] += 1
        if kind == "granted":
            self._granted(name, lock, request, answer["fencing"])
        elif kind in ("held", "full", "deadlock"):
            self._over(lock, request)

    def _granted(self, name: str, lock: _Lock, request: str, fencing: int) -> None:
        if fencing < lock.fencing:
            self._violations.append(f"{name} was given under {fencing} behind {lock.fencing}")
        if fencing > lock.fencing:
            if request in lock.waiting[1:]:  # one that was given back in the same activation does not wait any more
                self._violations.append(f"{name} was given to {request} before {lock.waiting[0]}")
            self._check_free(name, lock)
            lock.holders.clear()
        lock.fencing = fencing
        lock.holders.add(request)
        if request in lock.waiting:
            lock.waiting.remove(request)

    def _check_free(self, name: str, lock: _Lock) -> None:
        """Those that had it have let go: what they left for their end is withdrawn, or their end is on record."""
        held = [one for one in lock.holders if lock.asks.get(one, {}).get("lease_ms") is None]
        if not held:
            return
        runs = dict(self._runs())
        left: dict[tuple[str, int], bytes] = {
            (run_id, event.step): event.input
            for run_id, run in runs.items()
            for event in run.events
            if isinstance(event, e.WillLeft) and event.target_id == name
        }
        for run_id, run in runs.items():
            goes_on = isinstance(run.terminal, e.RunContinued) and run.terminal.run_id not in runs
            if run.terminal is None or goes_on:
                for will in standing(run_id, run, runs):
                    payload = left.get(will, b"")
                    if payload and not is_sealed(payload) and msgspec.json.decode(payload)[0] in held:
                        self._violations.append(f"{name} was given on while {run.workflow_id} ({run_id}) has it")
