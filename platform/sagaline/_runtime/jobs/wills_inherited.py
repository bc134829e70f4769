"""The run before has left signals for when the chain has ended: the code may withdraw them."""

from __future__ import annotations

from sagaline._model.events import WillsInherited
from sagaline._runtime.run_loop import RunLoop


def apply(loop: RunLoop, job: WillsInherited) -> None:
    """Keeps what names each of them."""
    loop.table.to_others().wills.update({(will.run_id, will.step): will.target_id for will in job.wills})
