"""The run goes on as another that may have something to undo: its rollback will do that too."""

from __future__ import annotations

from sagaline._model.events import LedgerInherited
from sagaline._runtime.run_loop import RunLoop
from sagaline._runtime.sagas import ledger
from sagaline.errors import SagalineError


def apply(loop: RunLoop, job: LedgerInherited) -> None:
    """Keeps the ledger. Raises SagalineError, which parks the run, when the workflow is no saga any more."""
    workflow = loop.run.workflow
    if not workflow.is_saga:
        raise SagalineError(
            f"Expected {workflow.name} to be a saga, for the run before has left {job.steps} steps to undo, but it is "
            f"a workflow ({workflow.place}). Make it a saga again, and the run goes on by itself."
        )
    loop.table.inherited = ledger.read(job.ledger)
