"""How far the saga of a run is, in short, for people who look at the run. The whole of it is ``ledger``."""

from __future__ import annotations

from sagaline._engine.tables.runs import RunRow
from sagaline._model.activities import PIVOT, ActivityScheduled
from sagaline._model.descriptions import SagaCounts

_NONE = SagaCounts()


def completed(run: RunRow, scheduled: ActivityScheduled) -> None:
    """A step of a saga is done, or undone."""
    counts = run.saga or _NONE
    if scheduled.compensates is not None:
        run.saga = SagaCounts(counts.done, counts.undone + 1, counts.unknown, counts.pivot)
        return
    pivot = scheduled.activity if scheduled.saga is not None and scheduled.saga.kind == PIVOT else ""
    run.saga = SagaCounts(counts.done + 1, counts.undone, counts.unknown, counts.pivot or pivot)


def failed(run: RunRow, scheduled: ActivityScheduled, is_clean: bool) -> None:
    """A step of a saga has failed; it may have had an effect, unless it is clean."""
    if scheduled.compensates is None and not is_clean:
        counts = run.saga or _NONE
        run.saga = SagaCounts(counts.done, counts.undone, counts.unknown + 1, counts.pivot)
