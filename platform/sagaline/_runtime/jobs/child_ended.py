"""A child has ended: whoever waits for it goes on, with its result or a ChildError. What it leaves to undo is kept."""

from __future__ import annotations

from sagaline._model.events import ChildEnded
from sagaline._runtime.bugs import UnknownStep
from sagaline._runtime.run_loop import RunLoop
from sagaline._runtime.sagas import ledger
from sagaline._runtime.steps import HandedLedger


def apply(loop: RunLoop, job: ChildEnded) -> None:
    """Raises UnknownStep when the code never asked for it, or it has ended before."""
    child = loop.table.children.pop(job.step, None)
    if child is None:
        raise UnknownStep(job)
    child.end(job)
    if job.ledger and child.wants_ledger:
        left = list(ledger.read(job.ledger))
        loop.table.ledgers[job.step] = HandedLedger(job.step, left, child.scope, loop.table.count)
