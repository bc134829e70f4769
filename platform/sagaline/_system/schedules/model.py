"""What a schedule keeps, and what it and its firings tell each other.

All of it stands in histories: fields are added at the end, with a default, and never removed.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sagaline._model.attributes import SearchAttribute

CRON, EVERY = "cron", "every"
SKIP, BUFFER_ONE, BUFFER_ALL = "skip", "buffer_one", "buffer_all"
CANCEL_OTHER, TERMINATE_OTHER, ALLOW_ALL = "cancel_other", "terminate_other", "allow_all"
OVERLAPS = (SKIP, BUFFER_ONE, BUFFER_ALL, CANCEL_OTHER, TERMINATE_OTHER, ALLOW_ALL)
CANCEL, TERMINATE = "cancel", "terminate"
DUE, TRIGGER, BACKFILL = "due", "trigger", "backfill"

SCHEDULE, FIRING = "schedule", "firing"
ID_BYTES = 200
"""The id of a schedule: with a due time behind it, and a type before it, it is a workflow id."""
SPECS, EXCLUDED = 20, 1_000
INPUT_BYTES, RESULT_BYTES, NOTE_BYTES, MEMO_BYTES = 64_000, 12_000, 500, 16_000
"""Arguments of the runs; the result that is kept for the next one; notes; the runs' memo beside that result."""
BUFFERED, OPEN, RECENT = 1_000, 1_000, 20
"""Due times that wait; runs that have not ended; runs that are told of when they have."""
BACKFILLS, BACKFILL_TIMES, BACKFILL_OPEN = 10, 10_000, 100
"""Ranges that wait to be backfilled; due times in one; runs that are open at once because of them."""


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """Due times: those of a cron expression in a time zone, on some weekdays (0 is Monday) and in some years alone; or
    each ``every_ms`` since 1970, ``offset_ms`` later. ``text``: as its user reads it."""

    kind: str
    cron: str = ""
    zone: str = "UTC"
    weekdays: tuple[int, ...] = ()
    years: tuple[int, ...] = ()
    every_ms: int = 0
    offset_ms: int = 0
    text: str = ""


class Definition(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a user says of a schedule. ``exclude``: dates, as in "2026-12-25"; 0 for a bound that there is not."""

    workflow: str
    args: list[Any]
    rules: tuple[Rule, ...]
    exclude: tuple[str, ...] = ()
    start_ms: int = 0
    end_ms: int = 0
    jitter_ms: int = 0
    overlap: str = SKIP
    catch_up_ms: int = 86_400_000
    pause_on_failure: bool = False
    run_timeout_ms: int = 0
    memo: dict[str, Any] = {}
    search_attributes: tuple[SearchAttribute, ...] = ()


class Plan(msgspec.Struct, frozen=True):
    """What is due: times up to ``upto_ms`` are in it or were missed. ``wake_ms``: when the next one is; 0 for never."""

    missed: int
    due: tuple[int, ...]
    upto_ms: int
    wake_ms: int


class Waiting(msgspec.Struct, frozen=True):
    """A due time that waits for runs before it."""

    at_ms: int
    kind: str
    overlap: str


class ScheduledRun(msgspec.Struct, omit_defaults=True):
    """A run that a schedule began, open or ended. ``rounds``: how often the schedule has continued as new since.
    ``has_firing``: its firing is known to have begun."""

    workflow_id: str
    due_ms: int
    began_ms: int
    kind: str = DUE
    run_id: str = ""
    status: str = "running"
    ended_ms: int = 0
    failure_type: str = ""
    failure_message: str = ""
    rounds: int = 0
    has_firing: bool = False


class Backfill(msgspec.Struct):
    """A range that is being backfilled: due times above ``after_ms`` up to ``end_ms`` are left."""

    after_ms: int
    end_ms: int
    overlap: str


class Counts(msgspec.Struct, omit_defaults=True):
    """What became of due times: ``missed``, too old after an outage; ``overflowed``, too many waited or ran;
    ``refused``, a run of that id had been there."""

    fired: int = 0
    skipped: int = 0
    missed: int = 0
    overflowed: int = 0
    refused: int = 0


class State(msgspec.Struct, omit_defaults=True):
    """A schedule: the input of its workflow, and all that it takes along when it continues as new."""

    id: str
    definition: Definition
    paused: bool = False
    note: str = ""
    paused_by: str = ""
    created_ms: int = 0
    upto_ms: int = 0
    revision: int = 0
    deleted: bool = False
    failed: bool = False
    last_trigger_ms: int = 0
    has_result: bool = False
    last_result: Any = None
    counts: Counts = msgspec.field(default_factory=Counts)
    open: list[ScheduledRun] = msgspec.field(default_factory=list[ScheduledRun])
    waiting: list[Waiting] = msgspec.field(default_factory=list[Waiting])
    backfills: list[Backfill] = msgspec.field(default_factory=list[Backfill])
    recent: list[ScheduledRun] = msgspec.field(default_factory=list[ScheduledRun])
    again_after: int = 100
    """So many turns, and it continues as new: recorded, so that replay does it where it was done."""


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a firing is to do. ``ending``: the id of the run that it is ending."""

    schedule: str
    workflow_id: str
    workflow: str
    args: list[Any]
    run_timeout_ms: int = 0
    memo: dict[str, Any] = {}
    search_attributes: tuple[SearchAttribute, ...] = ()
    ending: str = ""


class Ended(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a firing tells its schedule. ``status``: that of the run, or "refused", "timed_out"."""

    workflow_id: str
    run_id: str
    status: str
    has_result: bool = False
    result: Any = None
    failure_type: str = ""
    failure_message: str = ""


class Triggered(msgspec.Struct, frozen=True):
    """What became of a trigger: "fired", "buffered", "skipped" or "overflowed"."""

    workflow_id: str
    outcome: str
