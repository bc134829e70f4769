"""The run goes on as another that may have something to undo: its rollback will do that too."""

from __future__ import annotations

from sagaline._model.events import LedgerInherited
from sagaline._runtime.run_loop import RunLoop
from sagaline._runtime.sagas import ledger
from sagaline._runtime.steps import INHERITED, HandedLedger


def apply(loop: RunLoop, job: LedgerInherited) -> None:
    """Keeps the ledger, before the code begins."""
    loop.table.ledgers[INHERITED] = HandedLedger(INHERITED, list(ledger.read(job.ledger)))
