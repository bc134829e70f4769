"""What a run that undoes another begins with: all that is left to undo of that one, sealed for it."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import msgspec

from sagaline._engine.decide import Undone
from sagaline._engine.ledger_entries import ChildEntry, Entry
from sagaline._engine.state import State
from sagaline._engine.tables.attributes import NONE
from sagaline._engine.tables.runs import RunView
from sagaline._engine.undoing import armed, to_undo
from sagaline._host.options import HostOptions
from sagaline._host.runs.chains import told_so_far
from sagaline._host.runs.instances import Instances
from sagaline._host.runs.sealing import sealed_anew
from sagaline._model.events import AttributesGiven, Event, LedgerInherited, RunStarted
from sagaline._model.failure import Failure
from sagaline._model.ids import undo_run_of
from sagaline._model.limits import CARRIED_BYTES, cut
from sagaline._model.records import UndoRun
from sagaline._model.sagas import Undo
from sagaline._payloads import Sealed, blob_bytes, ledger_of, memo_of, step_input, step_ledger, step_result
from sagaline._runtime.definitions import Registry
from sagaline._runtime.undoing import fallback_of
from sagaline.errors import PayloadTooLarge, PayloadUnavailable

_ledger = msgspec.json.Decoder(tuple[Undo, ...])


class Heritage(NamedTuple):
    """What knows a run that has ended: its rows, its payloads, and the code that undoes its steps."""

    decided: State
    registry: Registry
    instances: Instances
    options: HostOptions

    def first_events(self, request: UndoRun, decision: Undone, run: RunView) -> list[Event] | Failure:
        """The first events of the run that undoes ``run``, or why it cannot begin. Raises BlobsUnavailable,
        NotResident: all that has to be opened is fetched together."""
        sealer, run_id = self.options.payloads, undo_run_of(run.run_id)
        given = self.decided.attributes.of(run.run_id)
        entries = [
            one
            for one in armed(decision.ledger)
            if isinstance(one, ChildEntry) or (one.of_run, one.number) not in decision.elsewhere
        ]
        sealed = _sealed(run.run_id, decision, entries)
        most = sealer.max_bytes if sealer.has_blobs else CARRIED_BYTES
        if (size := sum(blob_bytes(payload) for _, payload in sealed)) > most:
            return _too_large(run, size, most)
        sealer.require([*sealed, (memo_of(run.run_id), given.memo)] if given.memo else sealed)
        payload = b""
        try:
            payload = self._ledger(decision, entries, run.run_id)
            steps = len(_ledger.decode(payload))
            if len(ledger := sealer.seal(ledger_of(run_id), payload)) > most:
                return _too_large(run, len(ledger), most)
        except PayloadTooLarge:
            return _too_large(run, len(payload), most)
        except PayloadUnavailable as error:
            return Failure(type(error).__name__, cut(str(error)), retryable=False)
        told = told_so_far(run)
        first: list[Event] = [RunStarted(run.workflow, b"[]", request.request_id, "", 0, "accepted", outcomes=told)]
        if given != NONE:
            event = AttributesGiven(given.memo, given.search_attributes)
            first.append(sealed_anew(sealer, run.run_id, run_id, event))
        return [*first, LedgerInherited(steps, ledger), decision.requested]

    def _ledger(self, decision: Undone, entries: list[Entry | ChildEntry], run_id: str) -> bytes:
        """As JSON. Raises PayloadUnavailable."""
        payloads, elsewhere, before = self.options.payloads, decision.elsewhere, decision.ledger.inherited
        inherited = () if before is None else _ledger.decode(payloads.open(ledger_of(run_id), before))

        def arguments(entry: Entry) -> tuple[bytes, bytes | None]:
            result = None
            if entry.result is not None and _takes_result(entry):
                result = payloads.open(step_result(run_id, entry.number), entry.result)
            return payloads.open(step_input(run_id, entry.number), entry.scheduled.input), result

        def ledger(child: ChildEntry) -> bytes:
            return payloads.open(step_ledger(run_id, child.number), child.ledger)

        fallback = partial(fallback_of, self.registry)
        left = to_undo(decision.ledger, inherited, fallback, arguments, entries, ledger)
        return msgspec.json.encode([undo for undo in left if (undo.run_id, undo.step) not in elsewhere])


def _sealed(run_id: str, decision: Undone, entries: list[Entry | ChildEntry]) -> list[Sealed]:
    listed: list[Sealed] = []
    for entry in entries:
        if isinstance(entry, ChildEntry):
            listed += [(step_ledger(run_id, entry.number), entry.ledger)] if entry.ledger else []
            continue
        listed.append((step_input(run_id, entry.number), entry.scheduled.input))
        if entry.result is not None and _takes_result(entry):
            listed.append((step_result(run_id, entry.number), entry.result))
    if decision.ledger.inherited is not None:
        listed.append((ledger_of(run_id), decision.ledger.inherited))
    return listed


def _takes_result(entry: Entry) -> bool:
    return entry.scheduled.saga is not None and entry.scheduled.saga.takes_result


def _too_large(run: RunView, size: int, most: int) -> Failure:
    text = (
        f"Expected arguments of at most {most:,} bytes for what undoes the steps of run {run.run_id} but they have "
        f"{size:,}. Give steps references instead of data."
    )
    return Failure("PayloadTooLarge", text, retryable=False)
