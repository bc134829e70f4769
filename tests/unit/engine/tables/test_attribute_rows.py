"""Memo and search attributes of a run have a row beside the run's, from the start to its retirement."""

from __future__ import annotations

from engine_states import Partition

from sagaline._engine.tables.attributes import NONE, AttributesRow
from sagaline._engine.tables.runs import RunRow
from sagaline._model.attributes import SearchAttribute
from sagaline._model.events import AttributesGiven, MemoChanged, RunCompleted, SearchAttributesChanged
from sagaline._model.records import StartRun

TIER = (SearchAttribute("tier", "int", "2"),)
STAGE = (SearchAttribute("stage", "str", "packed"),)


def test_events_change_the_row_and_it_goes_with_the_run() -> None:
    partition = Partition()
    attributes = partition.state.attributes
    run = partition.start(StartRun("r", "w", "pay", b"[]"), AttributesGiven(b'{"a":1}', TIER))
    assert attributes.of(run.run_id) == AttributesRow(b'{"a":1}', TIER)
    partition.emit(run, SearchAttributesChanged(STAGE))
    assert attributes.of(run.run_id) == AttributesRow(b'{"a":1}', STAGE)
    run = partition.emit(run, MemoChanged(b"{}"), RunCompleted(b"1"))
    assert attributes.of(run.run_id) == AttributesRow(b"{}", STAGE), "readers see them when it has ended"
    assert isinstance(run, RunRow)
    partition.state.remove_run(run)
    partition.settle()
    assert attributes.of(run.run_id) == NONE
    assert not list(partition.store.scan(b"g/"))


def test_a_run_without_any_has_no_row() -> None:
    partition = Partition()
    run = partition.start(StartRun("r", "w", "pay", b"[]"), RunCompleted(b"1"))
    assert partition.state.attributes.of(run.run_id) == NONE
    assert not list(partition.store.scan(b"g/"))
