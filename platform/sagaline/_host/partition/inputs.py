"""Inputs from the log, in order: what cannot be read or handled goes to dead letters, and nothing is lost on the way.

A record may say that an input was consumed only when it is settled: recorded, or surely in the dead-letter topic. So
the positions that records carry stay at the oldest dead letter that is not acknowledged yet; whoever goes on from
there reads the inputs behind it again, and recognises them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from sagaline._host.partition.guard import Guard
from sagaline._host.partition.messages import Mail, SignalsWait
from sagaline._host.partition.progress import Progress
from sagaline._host.partition.quarantine import Quarantine
from sagaline._host.partition.sealed_inputs import sealed_inputs
from sagaline._host.partition.unfit import unfit
from sagaline._host.publishing.deadletters import DeadLetters
from sagaline._log import COMMANDS, RESULTS, Log, Record
from sagaline._model.codec import UnreadableRecord, decode
from sagaline._model.records import (
    ActivityResult,
    CancelRun,
    ChildReport,
    Heartbeat,
    PauseRun,
    QueryRun,
    ReadRun,
    RepairActivity,
    Reply,
    ResetRun,
    RetryRun,
    RunControl,
    SettleActivity,
    SignalRun,
    StartRun,
    TerminateRun,
    UndoRun,
    UnpauseRun,
    UpdateRun,
)
from sagaline._payloads import Later, NotResident, Sealed, blob_bytes
from sagaline._runtime.generators import InARow

Command = StartRun | RunControl | ResetRun | UndoRun | RetryRun | ReadRun | QueryRun | UpdateRun
Input = Command | ActivityResult | Heartbeat | ChildReport | Reply
_INPUTS: frozenset[type] = frozenset(
    (
        *(StartRun, CancelRun, TerminateRun, PauseRun, UnpauseRun, RepairActivity, ResetRun, UndoRun),
        *(RetryRun, ReadRun),
        *(ActivityResult, Heartbeat, ChildReport, Reply, SettleActivity, SignalRun, QueryRun, UpdateRun),
    )
)
_SIGNALS = 1_000
"""Signals that are collected before they are handed on."""
_ENTRY_BYTES = 200
_AHEAD, _AHEAD_BYTES = 64, 8_000_000
"""Inputs, behind one that waits for its payloads, whose payloads are fetched together with those."""


class _Unfit(NamedTuple):
    """A signal that is not taken, and why."""

    request: SignalRun
    cause: str


class Handler(Protocol):
    """Who decides what an input means."""

    def handle(self, request: Input) -> None:
        """One input."""
        ...

    def refuse(self, request: Input | SignalRun, cause: str) -> None:
        """It is a dead letter: whoever waits for an answer is told so."""
        ...

    def end_batch(self) -> None:
        """That was the last of those that came together."""
        ...


class Inputs:
    """Hands inputs to the handler, and signals, as many as follow each other, to ``signals``. One that makes it raise
    gives the partition up; next time it is dead."""

    def __init__(
        self,
        log: Log,
        clock: Callable[[], int],
        progress: Progress,
        quarantine: Quarantine,
        handler: Handler,
        signals: Callable[[Sequence[Mail]], None],
        guard: Guard,
        later: Later,
    ) -> None:
        self._progress, self._quarantine = progress, quarantine
        self._handler, self._hand_on, self._guard, self._later = handler, signals, guard, later
        self._behind: list[Record] = []  # one that waits for its payloads, and all that came after it
        self._dead_letters = DeadLetters(log, clock, guard, self._settle)
        self._signals: list[Mail] = []
        self._next = {COMMANDS: progress.consumed[0], RESULTS: progress.consumed[1]}

    def on_records(self, records: Sequence[Record]) -> None:
        """Commands and results from the log, in order; those from before are skipped."""
        if self._guard.given_up:
            return
        if self._behind:
            self._behind += [record for record in records if record.offset >= self._next[record.topic]]
            return
        try:
            with InARow():
                self._take_all(records)
        except NotResident as missing:
            self._wait(missing, records)
            self._later(missing, self._go_on)

    def _go_on(self) -> None:
        records, self._behind = self._behind, []
        try:
            self._take_all(records, again=True)
        except NotResident as missing:
            self._wait(missing, records)
            raise

    def _wait(self, missing: NotResident, records: Sequence[Record]) -> None:
        """Nothing of what is not handled is consumed."""
        left = missing.left if isinstance(missing, SignalsWait) else ()
        self._behind = [*left, *(record for record in records if record.offset >= self._next[record.topic])]
        missing.ahead = () if missing.goes_on else self._ahead()
        self._handler.end_batch()

    def _ahead(self) -> list[Sealed]:
        """What the next ones bring along in blobs, as far as it is worth it."""
        ahead: list[Sealed] = []
        size = 0
        for record in self._behind[1:_AHEAD]:
            found = [sealed for sealed in sealed_inputs(self._read(record)) if blob_bytes(sealed[1])]
            size += sum(blob_bytes(payload) for _, payload in found)
            if size > _AHEAD_BYTES:
                break
            ahead += found
        return ahead

    def _take_all(self, records: Sequence[Record], again: bool = False) -> None:
        positions = self._next
        for record in records:
            if record.offset < positions[record.topic] and not again:
                continue
            request = self._read(record)
            if type(request) is SignalRun:
                self._signals.append(Mail(record, request))
                positions[record.topic] = max(positions[record.topic], record.offset + 1)
                if len(self._signals) >= _SIGNALS:
                    self._hand_on_signals()
            else:
                if self._signals:
                    self._hand_on_signals()
                positions[record.topic] = record.offset + 1
                before = self._progress.settled
                self._consume()
                self._progress.before = before
                self._take(record, request)
                self._progress.before = None
            if self._guard.given_up:
                return
        if self._signals:
            self._hand_on_signals()
        self._handler.end_batch()

    def _read(self, record: Record) -> Any:
        """The request; what cannot be taken, as text."""
        try:
            request: Any = decode(record.value)
        except UnreadableRecord as error:
            return str(error)
        if type(request) not in _INPUTS:
            return f"Expected a command or a result but got a {type(request).__name__}"
        if type(request) is SignalRun and (cause := self._cause(record, request)) is not None:
            return _Unfit(request, cause)
        return request

    def _cause(self, record: Record, request: Any) -> str | None:
        return self._quarantine.cause(record.topic, record.offset) or unfit(request)

    def _hand_on_signals(self) -> None:
        """They are consumed when all of them are recorded: until then no record says that they were."""
        signals, self._signals = self._signals, []
        self._hand_on(signals)
        if not self._guard.given_up:
            self._consume()

    def _consume(self) -> None:
        progress = self._progress
        progress.consumed = (self._next[COMMANDS], self._next[RESULTS])
        self._settle()

    def _settle(self) -> None:
        settled, (commands, results) = self._dead_letters.settled, self._progress.consumed
        self._progress.settled = (settled(COMMANDS, commands), settled(RESULTS, results))

    def _take(self, record: Record, request: Any) -> None:
        if isinstance(request, str):
            self._bury(record, request)
            return
        cause = self._cause(record, request)
        if isinstance(request, _Unfit):
            request, cause = request
        if cause is not None:
            self._bury(record, cause)
            self._handler.refuse(request, cause)
            return
        try:
            self._handler.handle(request)
        except NotResident:
            self._next[record.topic] = record.offset
            self._consume()
            self._progress.before = None
            raise
        except BaseException as error:  # a bug of ours: it costs this input, not the partition
            self._guard.caught(error, self._quarantine.input(record))

    def _bury(self, record: Record, cause: str) -> None:
        self._dead_letters.bury(record, cause)
        self._settle()

    @property
    def bytes_waiting(self) -> int:
        """Bytes of dead letters on their way, and of inputs that wait for payloads."""
        behind = sum(_ENTRY_BYTES + len(record.value or b"") for record in self._behind)
        return self._dead_letters.bytes_waiting + behind

    def close(self) -> None:
        """Whoever goes on reads what is not settled again."""
        self._dead_letters.close()
