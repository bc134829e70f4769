"""The rows of a partition's state and their keys.

Rows are msgpack arrays (msgspec): they never leave the machine and are rebuilt from history when ``FORMAT``
changes. Keys sort as the engine scans them: numbers are fixed-width hexadecimal.
"""

from __future__ import annotations

import msgspec

from sagaline._model.events import ActivityScheduled
from sagaline._model.failure import Failure
from sagaline._model.records import Refusal

FORMAT = 3
META_KEY = b"m"
CURRENT_KEY = b"@"
"""When the store was surely up to date, by its worker's clock. It stands for no history, so a replay has another."""
CLOSED_NAMES_PREFIX = b"@n/"
"""Names of workflows that have, or had, closed runs: a hint where to look, no part of the state either."""
RUN_PREFIX = b"r/"
HISTORY_PREFIX = b"h/"
ACTIVITY_PREFIX = b"a/"
TIMER_PREFIX = b"t/"
OUTBOX_PREFIX = b"o/"
REFUSAL_PREFIX = b"q/"
UNFINISHED_PREFIX = b"u/"
CLOSED_PREFIX = b"c/"
POSITIONS_PREFIX = b"p/"
REFUSALS_PREFIX = b"f/"
INVALID_PREFIX = b"z/"
REMNANT_PREFIX = b"x/"
ONCE_PREFIXES = frozenset({b"t/", b"w/", OUTBOX_PREFIX})
"""Rows under these are written once and deleted once, never written again."""


class Meta(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far the state has come: it equals the history below ``next_offset``, applied from empty."""

    next_offset: int = 0
    epoch: int = -1
    commands_position: int = 0
    results_position: int = 0
    released: int = 0


encode_meta = msgspec.msgpack.Encoder().encode
decode_meta = msgspec.msgpack.Decoder(Meta).decode


class RunRow(msgspec.Struct, array_like=True, gc=False):
    """A run as it stands. Positions of parked input are found by replay, not kept here."""

    workflow_id: str
    run_id: str
    workflow: str
    request_id: str
    reply_to: str
    reply_partition: int
    reply_when: str
    started_at: int
    last_at: int
    status: str
    next_event_id: int = 1
    open_steps: int = 0
    cancel_requested: bool = False
    more: bool = False
    unfinished: bool = False
    closed_at: int | None = None
    result: bytes | None = None
    failure: Failure | None = None
    parked_at: int | None = None

    @property
    def closed(self) -> bool:
        """True once a terminal event is applied; nothing follows it."""
        return self.closed_at is not None


class ActivityRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An activity whose outcome is not recorded yet. ``attempt`` is the one that runs or comes next, ``failure`` what
    the one before came to, in short: it is for people who look at the run."""

    workflow_id: str
    scheduled: ActivityScheduled
    attempt: int = 1
    retry_at: int = 0
    cancel_requested: bool = False
    failure: Failure | None = None


class RefusalRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A refusal, and the record that holds it."""

    epoch: int
    number: int
    refusal: Refusal


class RefusalsRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A record of refusals: when it was written, and the requests."""

    at: int
    request_ids: list[str]


class RemnantRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is left of a run whose first record has its tombstone."""

    workflow_id: str
    left: int


class OutboxRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A message that leaves once the record that made it is durable."""

    topic: str
    partition: int
    key: bytes
    value: bytes


def run_key(workflow_id: str) -> bytes:
    """Key of the run row of a workflow id."""
    return RUN_PREFIX + workflow_id.encode()


def history_prefix(run_id: str) -> bytes:
    """Prefix of the history records of a run."""
    return HISTORY_PREFIX + run_id.encode() + b"/"


def history_row_key(run_id: str, first_event_id: int) -> bytes:
    """Key of one history record of a run."""
    return b"h/%b/%08x" % (run_id.encode(), first_event_id)


def activity_key(run_id: str, step: int) -> bytes:
    """Key of an open activity."""
    return b"a/%b/%08x" % (run_id.encode(), step)


def wait_key(run_id: str, step: int) -> bytes:
    """Key of a timer the code waits for; its value is the due time."""
    return b"w/%b/%08x" % (run_id.encode(), step)


def timer_key(due_at: int, run_id: str, step: int) -> bytes:
    """Key in the index of due times; its value is the workflow id."""
    return b"t/%016x/%b/%08x" % (due_at, run_id.encode(), step)


def timer_of(key: bytes) -> tuple[int, str, int]:
    """Due time, run id and step of a key in the index of due times."""
    _, due_at, run_id, step = key.split(b"/")
    return int(due_at, 16), run_id.decode(), int(step, 16)


def outbox_key(offset: int, number: int) -> bytes:
    """Key of an outbox entry: by the offset of the record that made it, for that is the same in every replay."""
    return b"o/%016x/%08x" % (offset, number)


def outbox_of(key: bytes) -> tuple[int, int]:
    """Offset and number of an outbox entry's key."""
    _, offset, number = key.split(b"/")
    return int(offset, 16), int(number, 16)


def closed_prefix(workflow: str) -> bytes:
    """Prefix of the index of closed runs of a workflow, by the time they closed."""
    return CLOSED_PREFIX + workflow.encode() + b"\0"


def closed_key(workflow: str, closed_at: int, workflow_id: str) -> bytes:
    """Key in the index of closed runs; its value is the offset of their last record."""
    return closed_prefix(workflow) + b"%016x/%b" % (closed_at, workflow_id.encode())


def closed_of(key: bytes) -> tuple[str, int, str]:
    """Workflow, closing time and workflow id of a key in the index of closed runs."""
    workflow, _, rest = key[len(CLOSED_PREFIX) :].partition(b"\0")
    return workflow.decode(), int(rest[:16], 16), rest[17:].decode()


def numbered_key(prefix: bytes, epoch: int, number: int) -> bytes:
    """Key of the row that knows a record of positions or refusals; they sort as they were written."""
    return prefix + b"%016x/%016x" % (epoch, number)


def numbered_of(key: bytes) -> tuple[int, int]:
    """Epoch and number of such a key."""
    return int(key[2:18], 16), int(key[19:], 16)


def invalid_key(key: bytes) -> bytes:
    """Key of the row that remembers an invalid record of history until it has its tombstone."""
    return INVALID_PREFIX + key


def remnant_key(run_id: str) -> bytes:
    """Key of the row that remembers a run whose beginning is retired."""
    return REMNANT_PREFIX + run_id.encode()


def refusal_key(request_id: str) -> bytes:
    """Key of a recorded refusal."""
    return REFUSAL_PREFIX + request_id.encode()


def unfinished_key(workflow_id: str) -> bytes:
    """Key in the index of open runs that an owner has to look at when it starts."""
    return UNFINISHED_PREFIX + workflow_id.encode()
