"""Workers of a queue that do what they must not."""

from __future__ import annotations

from typing import Any

from sagaline._host.queues.cancelled import Cancelled
from sagaline._host.queues.tasks import Tasks
from simulation.mutant_registry import Patch, mutant


@mutant
def begins_tasks_that_were_cancelled() -> list[Patch]:
    return [(Cancelled, "reason", lambda self, task: None)]


@mutant
def says_that_a_task_is_done_when_it_begins() -> list[Patch]:
    original = Tasks.take

    def take(self: Tasks, task: Any, finished: Any, offset: int) -> None:
        original(self, task, finished, offset)
        for opened in self._open.values():
            opened.finish()

    return [(Tasks, "take", take)]
