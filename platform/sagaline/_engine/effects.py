"""What applying an event asks the host to do once the record is durable. Lost with the process: all of it is
found again in the rows."""

from __future__ import annotations

from typing import NamedTuple

from sagaline._engine.rows import ActivityRow, OutboxRow


class StartActivity(NamedTuple):
    """Run an attempt of an activity, now or at ``row.retry_at``."""

    run_id: str
    row: ActivityRow


class CancelActivity(NamedTuple):
    """Stop an attempt that may be running; its outcome is still reported."""

    run_id: str
    row: ActivityRow


class ForgetActivity(NamedTuple):
    """Stop an attempt whose run has ended; nobody hears its outcome."""

    run_id: str
    step: int


class SetTimer(NamedTuple):
    """Report a timer when its time has come."""

    due_at: int
    workflow_id: str
    run_id: str
    step: int


class Publish(NamedTuple):
    """Send an outbox entry, known by the offset of its record and its number in it."""

    number: tuple[int, int]
    row: OutboxRow


class Answer(NamedTuple):
    """Answer a request directly. Whoever misses the answer asks again and is given the same."""

    partition: int
    client: str
    value: bytes


class CloseRun(NamedTuple):
    """Tell those who wait for the run's end."""

    workflow_id: str
    run_id: str


class CoverPositions(NamedTuple):
    """A record of positions is durable: what came before it may be retired."""

    epoch: int
    number: int


Effect = StartActivity | CancelActivity | ForgetActivity | SetTimer | Publish | Answer | CloseRun | CoverPositions
