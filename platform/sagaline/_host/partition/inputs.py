"""Inputs from the log, in order: what cannot be read or handled goes to dead letters, and nothing is lost on the way.

A record may say that an input was consumed only when it is settled: recorded, or surely in the dead-letter topic. So
the positions that records carry stay at the oldest dead letter that is not acknowledged yet; whoever goes on from
there reads the inputs behind it again, and recognises them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sagaline._host.partition.guard import Guard
from sagaline._host.partition.progress import Progress
from sagaline._host.partition.quarantine import Quarantine
from sagaline._host.partition.unfit import unfit
from sagaline._host.publishing.deadletters import DeadLetters
from sagaline._log import COMMANDS, RESULTS, Log, Record
from sagaline._model.codec import UnreadableRecord, decode
from sagaline._model.records import ActivityResult, CancelRun, ReadRun, RetryRun, StartRun, TerminateRun

Input = StartRun | CancelRun | TerminateRun | RetryRun | ReadRun | ActivityResult
_INPUTS: frozenset[type] = frozenset((StartRun, CancelRun, TerminateRun, RetryRun, ReadRun, ActivityResult))


class Handler(Protocol):
    """Who decides what an input means."""

    def handle(self, request: Input) -> None:
        """One input."""
        ...

    def refuse(self, request: Input, cause: str) -> None:
        """It is a dead letter: whoever waits for an answer is told so."""
        ...

    def end_batch(self) -> None:
        """That was the last of those that came together."""
        ...


class Inputs:
    """Hands inputs to the handler. One that makes it raise gives the partition up; next time it is dead."""

    def __init__(
        self,
        log: Log,
        clock: Callable[[], int],
        progress: Progress,
        quarantine: Quarantine,
        handler: Handler,
        guard: Guard,
    ) -> None:
        self._progress, self._quarantine = progress, quarantine
        self._handler, self._guard = handler, guard
        self._dead_letters = DeadLetters(log, clock, guard, self._settle)
        self._next = {COMMANDS: progress.consumed[0], RESULTS: progress.consumed[1]}

    def on_records(self, records: Sequence[Record]) -> None:
        """Commands and results from the log, in order; those from before are skipped."""
        if self._guard.given_up:
            return
        positions, progress = self._next, self._progress
        for record in records:
            if record.offset < positions[record.topic]:
                continue
            positions[record.topic] = record.offset + 1
            progress.before = progress.settled
            progress.consumed = (positions[COMMANDS], positions[RESULTS])
            self._settle()
            self._take(record)
            if self._guard.given_up:
                return
        self._handler.end_batch()

    def _settle(self) -> None:
        settled, (commands, results) = self._dead_letters.settled, self._progress.consumed
        self._progress.settled = (settled(COMMANDS, commands), settled(RESULTS, results))

    def _take(self, record: Record) -> None:
        try:
            request: Any = decode(record.value)
        except UnreadableRecord as error:
            self._bury(record, str(error))
            return
        if type(request) not in _INPUTS:
            self._bury(record, f"Expected a command or a result but got a {type(request).__name__}")
            return
        cause = self._quarantine.cause(record.topic, record.offset) or unfit(request)
        if cause is not None:
            self._bury(record, cause)
            self._handler.refuse(request, cause)
            return
        try:
            self._handler.handle(request)
        except BaseException as error:  # a bug of ours: it costs this input, not the partition
            self._guard.caught(error, self._quarantine.input(record))

    def _bury(self, record: Record, cause: str) -> None:
        self._dead_letters.bury(record, cause)
        self._settle()

    @property
    def bytes_waiting(self) -> int:
        """Bytes of dead letters on their way."""
        return self._dead_letters.bytes_waiting

    def close(self) -> None:
        """Whoever goes on reads what is not settled again."""
        self._dead_letters.close()
