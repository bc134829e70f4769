"""The reader and the keys hold at small scope, whatever happens; each shortcut fails."""

from __future__ import annotations

import pytest
from history_rules import Explorer, Rules, Scope

from sagaline._engine.meta import Meta
from sagaline._engine.reader import HistoryReader
from sagaline._engine.state import State
from sagaline._engine.validity import Validity
from sagaline._model.keys import claim_key, history_key, positions_key
from sagaline._model.records import Claim, Decided, Record

TO_THE_END = Scope(inputs=1, claims=2, positions=2, records=30)
WIDE = Scope(inputs=2, claims=3, positions=1, records=6)
MUTANTS = Scope(inputs=1, claims=3, positions=2, records=9)


@pytest.mark.takes(40)
@pytest.mark.parametrize(
    ("scope", "states", "longest"), [(TO_THE_END, 191_642, 17), (WIDE, 50_000, 6)], ids=["to the end", "wide"]
)
def test_no_interleaving_and_no_compaction_changes_what_a_reader_sees(scope: Scope, states: int, longest: int) -> None:
    """To the end: no interleaving of that scope is left out, and their number is that of the specification."""
    explorer = Explorer(Rules(), scope)
    assert explorer.explore() == ""
    assert explorer.longest == longest
    assert explorer.states == states if scope is TO_THE_END else explorer.states > states


class OneClaimKey(Rules):
    """All claims share a key: compaction removes claims."""

    def claim(self, number: int) -> bytes:
        return claim_key("")


class KeyWithoutEpoch(Rules):
    """A zombie's record has the key of the valid one."""

    def history(self, workflow_id: str, run_id: str, first: int, epoch: int) -> bytes:
        return history_key(workflow_id, run_id, first, 0)


class OnePositionsKey(Rules):
    """All records of positions share a key: a zombie's replaces the valid one."""

    def positions(self, epoch: int, number: int) -> bytes:
        return positions_key(0, 0)


class LastRecordFirst(Rules):
    """A run is retired from its last record to its first."""

    retires_backwards = True


class NoPositions(Rules):
    """Runs are retired without a record of positions."""

    needs_positions = False


class Believing(Validity):
    """Takes every record for valid."""

    def admit(self, offset: int, record: Record) -> Decided | None:
        super().admit(offset, record)
        return None if isinstance(record, Claim) else record  # type: ignore[return-value]


class StaleEpochs(Rules):
    """The reader does not look at epochs."""

    def reader(self, state: State) -> HistoryReader:
        reader = HistoryReader(state, Meta())
        reader._validity = Believing(-1)
        return reader


@pytest.mark.parametrize(
    "shortcut", [OneClaimKey, KeyWithoutEpoch, OnePositionsKey, LastRecordFirst, NoPositions, StaleEpochs]
)
def test_each_shortcut_is_found_out(shortcut: type[Rules]) -> None:
    assert Explorer(shortcut(), MUTANTS).explore() != ""
