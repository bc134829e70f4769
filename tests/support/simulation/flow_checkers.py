"""What must hold of limits, by the raw log alone: by what their runs were told and have answered, and by the wills of the
runs that have asked."""

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

PREFIX = "sagaline.flow/"
_TOKEN = "sagaline/token/"


@dataclass
class _Limit:
    """What is known of one."""

    rules: dict[str, Any] = field(default_factory=dict[str, Any])
    groups: dict[str, str] = field(default_factory=dict[str, str])  # by request
    granted: set[str] = field(default_factory=set[str])
    at_work: set[str] = field(default_factory=set[str])  # granted, and not given back
    times: list[int] = field(default_factory=list[int])


class FlowChecks:
    """Never more have a slot than may, as long as those that had one before have not ended and have not given it back,
    durably; never more begin in a time than the rate's bucket has. ``runs``: all that there were, by id."""

    def __init__(
        self, violations: list[str], marks: Counter[str], runs: Callable[[], Iterable[tuple[str, Run]]]
    ) -> None:
        self._violations, self._marks, self._runs = violations, marks, runs
        self._limits: dict[str, _Limit] = {}

    def happened(self, workflow_id: str, event: object, at_ms: int) -> None:
        """A valid event."""
        if not workflow_id.startswith(PREFIX):
            return
        limit = self._limits.setdefault(workflow_id, _Limit())
        match event:
            case e.SignalReceived() if not is_sealed(event.input):
                if event.signal == "acquire":
                    (ask,) = msgspec.json.decode(event.input)
                    limit.rules = ask["rules"]
                    limit.groups[ask["request"]] = ask.get("group", "")
                elif event.signal == "release":
                    limit.at_work.discard(msgspec.json.decode(event.input)[0])
            case e.MessageRequested() if event.signal.startswith(_TOKEN) and not is_sealed(event.input):
                number = event.signal.removeprefix(_TOKEN)
                request = f"{event.target_run_id}-{number}-{event.target_id}"
                answer = msgspec.json.decode(event.input)[0]["value"]
                self._marks[f"limit {answer}"] += 1
                if answer == "granted" and request not in limit.granted:
                    self._granted(workflow_id, limit, request, at_ms)
            case _:
                pass

    def _granted(self, name: str, limit: _Limit, request: str, at_ms: int) -> None:
        limit.granted.add(request)
        limit.at_work.add(request)
        rules = limit.rules
        if interval_us := rules.get("interval_us", 0):
            limit.times.append(at_ms)
            burst = rules.get("burst", 1)
            for count, began in enumerate(reversed(limit.times), 1):
                if count > burst + (at_ms - began) * 1_000 // interval_us:
                    self._violations.append(f"{name} lets {count} begin within {at_ms - began} ms")
            return
        most, total, group = rules.get("limit", 0), rules.get("total", 0), limit.groups.get(request, "")
        of_group = {one for one in limit.at_work if limit.groups.get(one, "") == group}
        if (most and len(of_group) > most) or (total and len(limit.at_work) > total):
            held = self._held(name, limit)
            if (most and len(of_group & held | {request}) > most) or (total and len(held | {request}) > total):
                self._violations.append(f"{name} has {sorted(held)} at work and lets {request} begin")

    def _held(self, name: str, limit: _Limit) -> set[str]:
        """Those whose runs have not ended, and which nothing has given back."""
        runs, held = dict(self._runs()), set[str]()
        left: dict[tuple[str, int], bytes] = {
            (run_id, event.step): event.input
            for run_id, run in runs.items()
            for event in run.events
            if isinstance(event, e.WillLeft) and event.target_id == name and event.signal == "release"
        }
        for run_id, run in runs.items():
            goes_on = isinstance(run.terminal, e.RunContinued) and run.terminal.run_id not in runs
            if run.terminal is None or goes_on:
                for will in standing(run_id, run, runs):
                    payload = left.get(will, b"")
                    if payload and not is_sealed(payload):
                        held.add(msgspec.json.decode(payload)[0])
        return held & limit.at_work
