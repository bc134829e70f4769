"""Inputs from the log, in order: what cannot be read or handled goes to dead letters, and nothing is lost on the way.

A record may say that an input was consumed only when it is settled: recorded, or surely in the dead-letter topic. So
the positions that records carry stay at the oldest dead letter that is not acknowledged yet; whoever goes on from
there reads the inputs behind it again, and recognises them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sagaline._engine.meta import Meta
from sagaline._host.options import HostOptions
from sagaline._host.partition.guard import Guard
from sagaline._host.partition.lost import Kind, Lost
from sagaline._host.publishing.deadletters import DeadLetters
from sagaline._log import COMMANDS, RESULTS, Log, Record
from sagaline._model.codec import UnreadableRecord, decode
from sagaline._model.records import ActivityResult, CancelRun, ReadRun, RetryRun, StartRun, TerminateRun

Given = StartRun | CancelRun | TerminateRun | RetryRun | ReadRun | ActivityResult


class Trouble:
    """What has raised in the engine, kept while a partition is claimed anew: it is not tried for ever."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, int], str] = {}
        self.runs: dict[str, str] = {}  # workflow ids that are to be quarantined, with the cause
        self.quarantined: set[str] = set()  # workflow ids whose inputs this process leaves alone
        self.skipped: set[str] = set()  # run ids that could not even be taken up

    def release(self, workflow_id: str, run_id: str) -> None:
        """The run is tried again."""
        self.runs.pop(workflow_id, None)
        self.quarantined.discard(workflow_id)
        self.skipped.discard(run_id)


class Intake:
    """``handle`` takes one input. When it raises, the guard gives the partition up; next time it is dead."""

    def __init__(
        self,
        meta: Meta,
        log: Log,
        options: HostOptions,
        trouble: Trouble,
        handle: Callable[[Given], None],
        guard: Guard,
    ) -> None:
        self._trouble, self._handle, self._guard = trouble, handle, guard
        self._next = {COMMANDS: meta.commands_position, RESULTS: meta.results_position}
        self._dead = DeadLetters(log, options.clock, guard)

    @property
    def consumed(self) -> tuple[int, int]:
        """Positions behind what was taken."""
        return self._next[COMMANDS], self._next[RESULTS]

    @property
    def settled(self) -> tuple[int, int]:
        """Positions that a record may carry."""
        commands, results = self._next[COMMANDS], self._next[RESULTS]
        return self._dead.settled(COMMANDS, commands), self._dead.settled(RESULTS, results)

    @property
    def bytes_waiting(self) -> int:
        """Bytes of dead letters on their way."""
        return self._dead.bytes_waiting

    def take(self, records: Sequence[Record]) -> None:
        """Records of the log, in order; those from before are skipped."""
        for record in records:
            if record.offset < self._next[record.topic]:
                continue
            self._next[record.topic] = record.offset + 1
            if not self._take(record):
                return

    def _take(self, record: Record) -> bool:
        """Handles a record; False when the partition was given up for it."""
        cause = self._trouble.records.get((record.topic, record.offset))
        found: object = None
        if cause is None:
            try:
                found = decode(record.value)
            except UnreadableRecord as error:
                cause = str(error)
        if cause is None and not isinstance(found, Given):
            cause = f"Expected a command or a result but got a {type(found).__name__}"
        if cause is not None:
            self._dead.bury(record, cause)
            return True
        assert isinstance(found, Given)
        try:
            self._handle(found)
        except BaseException as error:  # a bug of ours: it costs this input, not the partition
            self._guard.caught(error, partial(self._blame, record))
            return False
        return True

    def _blame(self, record: Record, cause: str) -> Lost:
        self._trouble.records[record.topic, record.offset] = f"The engine failed: {cause}"
        return Lost(Kind.INPUT, f"{record.topic}@{record.offset} made the engine fail ({cause})")

    def close(self) -> None:
        """Whoever goes on reads what is not settled again."""
        self._dead.close()
