"""Applies tombstones: what had their keys is needed no more.

A run is retired from its first record to its last (docs/decisions/0011): with the first one's tombstone the run is
gone, what is left of its records is a remnant until each has its own.
"""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunRow
from sagaline._model.keys import HistoryKey, NumberedKey, parse_key


def apply_tombstone(state: State, key: bytes) -> None:
    """Applies a tombstone for ``key``."""
    state.invalid.drop(key)
    parsed = parse_key(key)
    if isinstance(parsed, HistoryKey):
        _drop_record(state, parsed)
    elif isinstance(parsed, NumberedKey):
        table = state.positions if parsed.kind == "positions" else state.refusals
        table.drop(parsed.epoch, parsed.number)


def _drop_record(state: State, key: HistoryKey) -> None:
    if not state.history.has(key.run_id, key.first_event_id, key.epoch):
        return
    state.history.drop(key.run_id, key.first_event_id, key.epoch)
    left = state.remnants.left(key.run_id)
    if left is None:
        run = state.runs.by_id(key.workflow_id, key.run_id)
        if run is not None:
            _drop_pending(state, run)
            state.remove_run(run)
        left = state.history.count(key.run_id)
    else:
        left -= 1
    state.remnants.put(key.workflow_id, key.run_id, left)


def _drop_pending(state: State, run: RunRow) -> None:
    """A run is retired only when that as which it goes on has begun: if its beginning is not there, compaction has
    removed it, and it has been retired too."""
    pending = state.runs.by_id(run.workflow_id, run.continued_to) if run.continued_to else None
    if pending is not None and pending.is_pending:
        make_remnant(state, pending)


def make_remnant(state: State, run: RunRow) -> None:
    """An open run that another of its id follows: it has ended in records that compaction has removed meanwhile, so
    its tombstones are behind, and what is left of it waits for them."""
    state.remove_run(run)
    state.remnants.put(run.workflow_id, run.run_id, state.history.count(run.run_id))


def note_invalid(state: State, key: bytes) -> None:
    """A record is not valid: it is to have its tombstone. A key with a valid copy never gets one."""
    parsed = parse_key(key)
    if isinstance(parsed, HistoryKey):
        is_valid = state.history.has(parsed.run_id, parsed.first_event_id, parsed.epoch)
    elif isinstance(parsed, NumberedKey):
        is_valid = _is_known(state, parsed)
    else:
        return  # not ours to remove
    if not is_valid:
        state.invalid.put(key)


def _is_known(state: State, key: NumberedKey) -> bool:
    if key.kind == "positions":
        return state.positions.has(key.epoch, key.number)
    return state.refusals.has_record(key.epoch, key.number)
