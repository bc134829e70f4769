"""What attempts are told of those before them: exactly the last details of one that has failed, and nothing else."""

from __future__ import annotations

from typing import Any

from sagaline._model import events as e
from simulation.load import Books, last_details


class AttemptChecks:
    """Hears of every valid event. The last details of an attempt that has raised are on record with its failure."""

    def __init__(self, books: Books, violations: list[str]) -> None:
        self._books, self._violations = books, violations
        self._told: dict[tuple[str, int], bytes | None] = {}

    def happened(self, run_id: str, event: Any) -> None:
        """It is in the log."""
        if isinstance(event, e.ActivityScheduled):
            self._books.scheduled.add((run_id, event.step))
            if event.activity == "act":
                self._books.forward.setdefault(run_id, set()).add(event.step)
        elif isinstance(event, e.HeartbeatRecorded):
            self._told[run_id, event.step] = event.details
        elif isinstance(event, e.ActivityAttemptFailed):
            details = self._told.get((run_id, event.step))
            if event.failure.type == "ConnectionError" and event.step in self._books.forward.get(run_id, ()):
                self._books.told[run_id, event.step, event.attempt + 1] = details
                if details != last_details(event.attempt):
                    self._violations.append(
                        f"attempt {event.attempt} of step {event.step} of {run_id} has failed, and {details!r} is on "
                        f"record of it"
                    )
