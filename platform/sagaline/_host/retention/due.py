"""Finds what is to be retired: closed runs and refusals whose time is over, and which nobody can ask for again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sagaline._engine.senders import refused_senders, senders_to
from sagaline._engine.state import State
from sagaline._engine.tables.closed import closed_key
from sagaline._engine.tables.refusals import refusals_key
from sagaline._host.options import HostOptions
from sagaline._host.partition.progress import Progress
from sagaline._host.retention.senders import Senders

_AT_ONCE = 200
_HELD_AT_ONCE = 1_000
"""Those that a look passes by, for their senders have not answered. The next one goes on where it has ended."""
_REFUSALS = ""
"""In the place of a workflow's name."""
RunIds = tuple[str, str]
"""Workflow id and run id."""


@dataclass
class Due:
    """What is to be retired in one sweep."""

    runs: list[RunIds] = field(default_factory=list[RunIds])
    refusals: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def __bool__(self) -> bool:
        return bool(self.runs or self.refusals)

    @property
    def is_full(self) -> bool:
        """There is more than fits into one sweep."""
        return max(len(self.runs), len(self.refusals)) >= _AT_ONCE


class Search:
    """``kept_ms`` gives for how long closed runs of a workflow are kept."""

    def __init__(
        self,
        decided: State,
        durable: State,
        progress: Progress,
        senders: Senders,
        kept_ms: Callable[[str], int],
        options: HostOptions,
    ) -> None:
        self._decided, self._durable, self._progress = decided, durable, progress
        self._senders, self._kept_ms, self._options = senders, kept_ms, options
        self._behind: dict[str, bytes] = {}  # by workflow: where the next look begins

    def find(self) -> Due:
        """Closed runs whose time is over and whose messages have left, and refusals as old; no more than fit."""
        now, due = self._options.clock(), Due()
        for name in self._durable.closed.workflows():
            self._find_runs(name, now - self._kept_ms(name), due)
        self._find_refusals(now - self._options.retention_ms, due)
        return due

    def _find_runs(self, name: str, until_ms: int, due: Due) -> None:
        """Runs that go on as the next of a run that stays would stay too: they are retired in order."""
        released, held = self._progress.released, set[str]()
        count, last = 0, self._behind.pop(name, b"")
        for run in self._durable.closed.runs(name, last):
            if run.closed_at > until_ms or run.offset >= released:
                return
            if due.is_full or count >= _HELD_AT_ONCE:
                self._behind[name] = last
                return
            last = closed_key(name, run.closed_at, run.run_id)
            row = self._decided.run_by_id(run.workflow_id, run.run_id)
            if row is None:
                continue  # its tombstones are on their way
            if run.workflow_id not in held:
                if self._senders.may_forget_run(senders_to(self._decided, row), run.offset):
                    due.runs.append((run.workflow_id, run.run_id))
                    continue
                held.add(run.workflow_id)
            count += 1

    def _find_refusals(self, until_ms: int, due: Due) -> None:
        count, last = 0, self._behind.pop(_REFUSALS, b"")
        for record in self._durable.refusals.records(last):
            if record.at > until_ms:
                return
            if len(due.refusals) >= _AT_ONCE or count >= _HELD_AT_ONCE:
                self._behind[_REFUSALS] = last
                return
            last = refusals_key(record.epoch, record.number)
            if not self._decided.refusals.has_record(record.epoch, record.number):
                continue
            if self._senders.may_forget_refusals(refused_senders(self._decided, record), record[1:]):
                due.refusals.append(record[1:])
            else:
                count += 1
