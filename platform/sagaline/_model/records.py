"""The records on the topics, one type per schema in ``schemas/sagaline_schemas``, fields in the same order."""

from __future__ import annotations

import msgspec

from sagaline._model.activities import RepairActivity as RepairActivity
from sagaline._model.attempts import ActivityResult as ActivityResult
from sagaline._model.attempts import Heartbeat as Heartbeat
from sagaline._model.attempts import SettleActivity as SettleActivity
from sagaline._model.attributes import SearchAttribute
from sagaline._model.decided import Claim as Claim
from sagaline._model.decided import History as History
from sagaline._model.decided import Positions as Positions
from sagaline._model.decided import Refusal as Refusal
from sagaline._model.decided import Refusals as Refusals
from sagaline._model.failure import Failure
from sagaline._model.forks import ResetRun as ResetRun
from sagaline._model.outcomes import SagaOutcome as SagaOutcome
from sagaline._model.pauses import PauseRun as PauseRun
from sagaline._model.pauses import UnpauseRun as UnpauseRun
from sagaline._model.tasks import CancelTask as CancelTask
from sagaline._model.tasks import Task as Task
from sagaline._model.undos import UndoRun as UndoRun

# Statuses of a run, as answers and descriptions name them.
RUNNING = "running"
PARKED = "parked"
COMPLETED = "completed"
FAILED = "failed"
COMPENSATED = "compensated"
CANCELLED = "cancelled"
TERMINATED = "terminated"
CONTINUED = "continued"
STATUSES = (RUNNING, PARKED, COMPLETED, FAILED, COMPENSATED, CANCELLED, TERMINATED, CONTINUED)

DEPARTURES = "departures"
"""What one owner asks another by a ReadRun, which answers by a Reply among the results: that nothing it has sent so far
will be sent again."""
RETENTION = "retention"
"""What a client asks an owner by a ReadRun: which partitions have not answered that."""


class StartRun(msgspec.Struct, frozen=True, gc=False):
    """Asks for a run of a workflow."""

    request_id: str
    workflow_id: str
    workflow: str
    input: bytes
    reply_to: str = ""
    reply_partition: int = 0
    reply_when: str = "accepted"
    id_conflict: str = "join"
    id_reuse: str = "join"
    waits_ms: int = 0
    parent_id: str = ""
    parent_run_id: str = ""
    parent_step: int = 0
    signal: str = ""
    signal_input: bytes = b""
    delay_ms: int = 0
    run_timeout_ms: int = 0
    update: str = ""
    update_id: str = ""
    update_input: bytes = b""
    memo: bytes = b""
    search_attributes: tuple[SearchAttribute, ...] = ()
    wants_ledger: bool = False


class CancelRun(msgspec.Struct, frozen=True, gc=False):
    """Asks a run to stop; a saga rolls back."""

    request_id: str
    workflow_id: str
    reason: str
    reply_to: str = ""
    reply_partition: int = 0
    run_id: str = ""
    sender_id: str = ""
    sender_run_id: str = ""
    sender_step: int = 0


class TerminateRun(msgspec.Struct, frozen=True, gc=False):
    """Ends a run at once."""

    request_id: str
    workflow_id: str
    reason: str
    reply_to: str = ""
    reply_partition: int = 0
    run_id: str = ""


class RetryRun(msgspec.Struct, frozen=True, gc=False):
    """Asks for a parked run to be taken up again."""

    request_id: str
    workflow_id: str
    reply_to: str = ""
    reply_partition: int = 0
    run_id: str = ""


class ReadRun(msgspec.Struct, frozen=True, gc=False):
    """Asks the owner for a run's result, description or history, or a partition's for its parked runs."""

    request_id: str
    workflow_id: str
    what: str
    reply_to: str
    reply_partition: int
    run_id: str = ""
    filter: str = ""
    waits_ms: int = 0
    search_attributes: tuple[SearchAttribute, ...] = ()


class SignalRun(msgspec.Struct, frozen=True, gc=False):
    """Sends a signal to a run."""

    request_id: str
    workflow_id: str
    signal: str
    input: bytes
    reply_to: str = ""
    reply_partition: int = 0
    run_id: str = ""
    sender_id: str = ""
    sender_run_id: str = ""
    sender_step: int = 0
    starts: str = ""


class QueryRun(msgspec.Struct, frozen=True, gc=False):
    """Asks a run's code a question; it changes nothing."""

    request_id: str
    workflow_id: str
    query: str
    input: bytes
    reply_to: str = ""
    reply_partition: int = 0
    run_id: str = ""


class UpdateRun(msgspec.Struct, frozen=True, gc=False):
    """Asks a run's code to change something and to answer."""

    request_id: str
    workflow_id: str
    update_id: str
    update: str
    input: bytes
    reply_to: str = ""
    reply_partition: int = 0
    run_id: str = ""
    reply_when: str = "completed"
    waits_ms: int = 0


class ChildReport(msgspec.Struct, frozen=True, gc=False):
    """How the child of a run stands, or what became of a message to another run: to the run that has asked."""

    workflow_id: str
    run_id: str
    step: int
    child_id: str
    child_run_id: str
    status: str
    result: bytes | None = None
    failure: Failure | None = None
    ledger: bytes = b""
    steps: int = 0
    pivot: str = ""


class Reply(msgspec.Struct, frozen=True, gc=False):
    """Answer to a request."""

    request_id: str
    workflow_id: str
    run_id: str
    kind: str
    status: str
    result: bytes | None = None
    failure: Failure | None = None
    records: tuple[bytes, ...] = ()
    more: bool = False
    part: int = 0
    first_run_id: str = ""


class DeadLetter(msgspec.Struct, frozen=True, gc=False):
    """Origin and cause of a record that could not be read."""

    topic: str
    partition: int
    offset: int
    cause: str
    at: int
    size: int = 0
    sha256: str = ""


RunControl = CancelRun | TerminateRun | PauseRun | UnpauseRun | SettleActivity | RepairActivity
"""What somebody asks of a run, and is told when it is on record."""
Command = StartRun | RunControl | ResetRun | UndoRun | RetryRun | ReadRun | SignalRun | QueryRun | UpdateRun
Queued = Task | CancelTask
Decided = History | Refusals | Positions
DECIDED = (History, Refusals, Positions)
"""The same for ``isinstance``, which is slow with a union."""
Record = (
    Command
    | ActivityResult
    | Heartbeat
    | ChildReport
    | Queued
    | Reply
    | Claim
    | Refusals
    | Positions
    | DeadLetter
    | SagaOutcome
    | History
)
RECORDS: dict[str, type[Record]] = {
    "start_run": StartRun,
    "cancel_run": CancelRun,
    "terminate_run": TerminateRun,
    "reset_run": ResetRun,
    "undo_run": UndoRun,
    "retry_run": RetryRun,
    "pause_run": PauseRun,
    "unpause_run": UnpauseRun,
    "repair_activity": RepairActivity,
    "read_run": ReadRun,
    "signal_run": SignalRun,
    "query_run": QueryRun,
    "update_run": UpdateRun,
    "activity_result": ActivityResult,
    "heartbeat": Heartbeat,
    "settle_activity": SettleActivity,
    "child_report": ChildReport,
    "task": Task,
    "cancel_task": CancelTask,
    "reply": Reply,
    "claim": Claim,
    "refusals": Refusals,
    "positions": Positions,
    "dead_letter": DeadLetter,
    "saga_outcome": SagaOutcome,
    "history": History,
}
