"""The one reader of history: recovery, standbys and owners that find a gap all read through it.

It applies what is valid, remembers what is not until that has its tombstone, and follows tombstones. Whatever the
broker has compacted so far, the state after the last record is the same (docs/decisions/0011, tests/model).
"""

from __future__ import annotations

from sagaline._engine.apply import apply_history, apply_positions, apply_refusals
from sagaline._engine.held import hold_unreadable
from sagaline._engine.meta import Meta
from sagaline._engine.state import State
from sagaline._engine.tombstones import apply_tombstone, note_invalid
from sagaline._engine.validity import Validity
from sagaline._model.codec import UnreadableRecord, decode
from sagaline._model.keys import HistoryKey, NumberedKey, is_claim_key, parse_key
from sagaline._model.records import DECIDED, Decided, History, Refusals


class HistoryReader:
    """Reads from where ``meta`` stands; ``state`` collects the rows."""

    def __init__(self, state: State, meta: Meta) -> None:
        self._state = state
        self._validity = Validity(meta.epoch)
        self._next_offset = meta.next_offset
        self._positions = meta.commands_position, meta.results_position

    @property
    def meta(self) -> Meta:
        """How far it has come."""
        return Meta(self._next_offset, self._validity.epoch, *self._positions, self._state.outbox.released)

    def read(self, offset: int, key: bytes | None, value: bytes | None) -> Decided | None:
        """Applies the next record; returns it when it is valid.

        Raises UnreadableRecord when its bytes are not ours, or damaged, or written by newer code. If it is a valid
        one by its key, its run is held and the reader goes on behind it.
        Contract: offsets increase; what is missing between them is what compaction has removed.
        """
        self._next_offset = offset + 1
        decided = self._apply(offset, key or b"", value)
        if decided is not None:
            self._positions = decided.commands_position, decided.results_position
        return decided

    def _apply(self, offset: int, key: bytes, value: bytes | None) -> Decided | None:
        if value is None:
            apply_tombstone(self._state, key)
            return None
        try:
            record = decode(value)
        except UnreadableRecord as error:
            self._pass_by(offset, key, value, str(error))
            raise
        decided = self._validity.admit(offset, record)
        if decided is None:
            if isinstance(record, DECIDED):
                note_invalid(self._state, key)
        elif isinstance(decided, History):
            apply_history(self._state, decided, value)
        else:
            number = _number(key)
            if isinstance(decided, Refusals):
                apply_refusals(self._state, decided, number)
            else:
                apply_positions(self._state, decided, number)
        self._state.write_offset_rows(offset)
        return decided

    def _pass_by(self, offset: int, key: bytes, value: bytes, cause: str) -> None:
        """An unreadable record: its key says what it is, and that is enough to do no harm."""
        parsed = parse_key(key)
        if isinstance(parsed, HistoryKey):
            if parsed.epoch == self._validity.epoch:
                hold_unreadable(self._state, parsed, value, cause)
        elif is_claim_key(key):
            self._validity.epoch = offset  # what follows is its owner's


def _number(key: bytes) -> int:
    parsed = parse_key(key)
    return parsed.number if isinstance(parsed, NumberedKey) else 0
