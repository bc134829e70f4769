"""What undoing a run that has ended, or whose code is called no more, undoes: out of its ledger alone.

It is what a cancellation of all that is open in the run would undo, one after the other, the step that began last
first; a step whose outcome is not on record may have had its effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from sagaline._engine.ledger import RunLedger
from sagaline._engine.ledger_entries import COMPLETED, FAILED, OPEN, PARKED, UNKNOWN, ChildEntry, Entry
from sagaline._model.sagas import Undo

Arguments = Callable[[Entry], tuple[bytes, bytes | None]]
"""Input and result of a step, as JSON."""


Fallbacks = Callable[[str], str]
"""The name of what takes the place of a compensation that has failed for good; "" when it has none."""


_read = msgspec.json.Decoder(tuple[Undo, ...]).decode


def armed(ledger: RunLedger) -> list[Entry | ChildEntry]:
    """What would be undone of the run's own steps and children, the oldest first."""
    of_scopes = (ledger.to_undo(scope.number) for scope in ledger.open_scopes())
    return sorted((entry for entries in of_scopes for entry in entries), key=lambda entry: entry.number)


def pivot_of(ledger: RunLedger) -> str:
    """The step that is done, or whose outcome is not known, behind which nothing is undone; "" for none."""
    return next((pivot for scope in ledger.open_scopes() if (pivot := scope.pivot or scope.pivot_open)), "")


def steps_of(entry: Entry | ChildEntry) -> int:
    """How many steps an entry has left to undo."""
    return 1 if isinstance(entry, Entry) else entry.steps - _done(entry.undos)


def _done(undos: Mapping[tuple[str, int], Entry]) -> int:
    return sum(1 for undo in undos.values() if undo.outcome == COMPLETED)


def inherited_left(ledger: RunLedger) -> int:
    """How many steps of the runs before are not undone."""
    return ledger.carried - _done(ledger.undos)


def to_undo(
    ledger: RunLedger,
    inherited: Iterable[Undo],
    fallback_of: Fallbacks,
    arguments: Arguments = lambda entry: (entry.scheduled.input, entry.result),
    entries: Sequence[Entry | ChildEntry] | None = None,
    ledger_of: Callable[[ChildEntry], bytes] = lambda child: child.ledger,
) -> list[Undo]:
    """What is left to undo, the oldest first: what the run has inherited, and its own steps, those of ``entries``."""
    listed = list(_left(inherited, ledger.undos))
    for entry in armed(ledger) if entries is None else entries:
        if isinstance(entry, ChildEntry):
            listed += _left(_read(ledger_of(entry)) if entry.ledger else (), entry.undos)
            continue
        undo = _undo_of(entry, fallback_of, *arguments(entry))
        listed.append(undo if entry.undo is None else _again(undo, entry.undo))
    return listed


def _left(undos: Iterable[Undo], begun: Mapping[tuple[str, int], Entry]) -> Iterator[Undo]:
    """Of another run's steps those that are not undone."""
    for undo in undos:
        call = begun.get((undo.run_id, undo.step))
        if call is None:
            yield undo
        elif call.outcome != COMPLETED:
            yield _again(undo, call)


def _undo_of(entry: Entry, fallback_of: Fallbacks, payload: bytes, result: bytes | None) -> Undo:
    scheduled, compensation = entry.scheduled, entry.scheduled.compensation or ""
    if scheduled.saga is not None and scheduled.saga.takes_result:
        payload = payload[:-1] + (b"" if payload == b"[]" else b",") + (result or b"null") + b"]"
    outcome = UNKNOWN if entry.outcome in (OPEN, PARKED) else entry.outcome
    arguments, fallback = msgspec.Raw(payload), fallback_of(compensation)
    return Undo(entry.of_run, entry.number, scheduled.activity, outcome, compensation, arguments, fallback)


def _again(undo: Undo, begun: Entry) -> Undo:
    """What had begun to undo it has not: the same is called again under the same key, or what takes its place."""
    activity = begun.scheduled.activity
    if undo.fallback and (activity == undo.fallback or begun.outcome in (FAILED, UNKNOWN)):
        undo = msgspec.structs.replace(undo, compensation=undo.fallback, fallback="")
    if activity != undo.compensation or begun.scheduled.compensates_run:
        return undo
    return msgspec.structs.replace(undo, begun=begun.number)
