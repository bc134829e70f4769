"""One value of every record, frozen as bytes in ``tests/unit/vectors.json``; history holds one of every event."""

from __future__ import annotations

from typing import Any

import msgspec

from sagaline._model import events, records
from sagaline._model.attributes import SearchAttribute
from sagaline._model.failure import Failure, RetryPolicy
from sagaline._model.wills import Will
from sagaline_schemas import schema_files

FILES = {file.name: file.schema for file in schema_files()}
"""The newest of each."""

FAILURE = Failure("CardDeclined", "the bank says no ☂", "application", "stack", False, True, Failure("Cause", "why"))
RETRY = RetryPolicy(1_000, 1.5, 60_000, 0, ("A", "B"))
LIMITS = events.AttemptLimits(5_000, 60_000, 10_000, "park", 50, 1, "ann")
PIVOT = events.SagaStep(2, "pivot", True, 5)
ATTRIBUTES = (SearchAttribute("tags", "list", '["☂"]'), SearchAttribute("tier", "int", "2"))


def of_children() -> tuple[events.Event, ...]:
    """What a run and the run that has started it tell each other."""
    return (
        events.ChildRequested(7, "ship-1", "ship", b"[]", "terminate", "allow"),
        events.ChildBegan(7, "run-3"),
        events.ChildEnded(7, "failed", None, FAILURE),
        events.ChildEnded(7, "completed", b"1", None, b"[{}]", 1, "capture"),
        events.LedgerReported(2, b"[{}]", "capture"),
    )


def of_resets() -> tuple[events.Event, ...]:
    """What a reset leaves in two histories."""
    fork = events.Fork(
        ("run-0", "run-1"), (9, 70_000), 1_764_000_000_123, "request", "a bad deploy", "ann@laptop", True, 2, "run-1"
    )
    told = events.OutcomeRequest("full", 3, 2, 1_764_000_000_123)
    started = events.RunStarted("fulfil", b"[1]", "request", "", 0, "accepted", fork=fork, outcomes=told)
    return events.RunReset("run-4", 7, fork), started


def of_other_runs() -> dict[str, records.Record]:
    """What begins another run of a workflow id."""
    return {
        "undo_run": records.UndoRun("request", "order-1", "run", "the customer has called", "ann", True, "client", 2),
        "reset_run": records.ResetRun("request", "order-1", "run", 7, "why", "ann@laptop", True, "client", 2),
    }


def of_activities() -> tuple[events.Event, ...]:
    """What happens to activities."""
    return (
        events.ActivityScheduled(1, "reserve", b"[]", 10_000, RETRY, "release", None, None),
        events.ActivityScheduled(2, "release", b"[]", 10_000, RETRY, None, 1, "unknown"),
        events.ActivityScheduled(3, "scan", b"[]", 1, RETRY, queue="gpu", limits=LIMITS, saga=PIVOT),
        events.ActivityAttemptFailed(1, 1, FAILURE, 1_764_000_000_123),
        events.ActivityCompleted(1, 2, b"null"),
        events.ActivityFailed(2, 70_000, FAILURE),
        events.ActivityCancelRequested(3),
        events.HeartbeatRecorded(1, 1),
        events.HeartbeatRecorded(1, 2, b"[50]", 1_764_000_000_123, "worker"),
        events.OutcomeReceived(1, 2, "request"),
        events.ActivityParked(2, 3, FAILURE),
        events.ActivityDispatched(3, 2),
        events.SagaBegan(3, 0, True, 4),
        events.SagaEnded(3, "compensated"),
        events.UndoRequested("request", "the customer has called", "ann@laptop", "run-0", 1_764_000_000_123, 1_765_000),
        events.ActivityRepaired(2, "edit", b"[1]", "request", "why", "ada@host"),
    )


def of_attempts() -> dict[str, records.Record]:
    """What is said of attempts."""
    return {
        "activity_result": records.ActivityResult("order-1", "run", 1, 2, None, FAILURE),
        "heartbeat": records.Heartbeat("order-1", "run", 1, 2, b"[50]", "worker", 1_764_000_000_123),
        "settle_activity": records.SettleActivity(
            "request", "order-1", "run", 1, 2, "fail", None, FAILURE, "client", 2
        ),
    }


def of_wills() -> tuple[events.Event, ...]:
    """What a run leaves for its end, and the signal that begins whoever it is for."""
    will = Will("run-0", 5, "lock", "lock", b"[2]")
    left = events.WillLeft(5, "lock", "lock", b"[2]")
    begins = events.MessageRequested(4, "lock", "", "lock", b"[1]", "", "sagaline.lock")
    return begins, left, events.WillWithdrawn(5, "run-1"), events.WillsInherited((will,))


def of_outcomes() -> records.SagaOutcome:
    """What is told of a saga."""
    return records.SagaOutcome(
        id="outcome/run/2",
        workflow_id="order-1",
        run_id="run",
        first_run_id="run-0",
        workflow="fulfil",
        outcome="resumed",
        at=1_764_000_000_123,
        began_at=1_764_000_000_000,
        rollback_at=1_764_000_000_100,
        steps=5,
        undone=2,
        is_parked=False,
        step=3,
        activity="release",
        compensates=1,
        failure_type="Declined",
        failure_message="no ☂",
        action="edit",
        by="ada@host",
        reason="why",
    )


def samples() -> dict[str, records.Record]:
    """One value of every record; history holds one of every event."""
    all_events: tuple[events.Event, ...] = (
        events.RunStarted("fulfil", b'[{"id":1}]', "request", "client", 3, "closed"),
        *of_activities(),
        events.TimerStarted(4, 1_764_000_000_123),
        events.TimerFired(4),
        events.TimerCancelled(5),
        events.CancelRequested("request", "why"),
        events.RunParked("bug", FAILURE),
        events.RunResumed("worker"),
        events.RunCompleted(b'{"a":[1,2]}'),
        events.RunFailed(FAILURE, True),
        events.RunCancelled("why", False),
        events.RunTerminated("request", "why"),
        events.RunReplaced("request", "run"),
        events.PatchMarked("fraud-check", True),
        events.SignalReceived("request", "approve", b'["Ann"]'),
        events.SignalsHandled((1, 70_000)),
        events.RunContinued("run-2", b"[2]"),
        events.UpdateAccepted("update", "add", b"[1]"),
        events.UpdateCompleted("update", b"[1]"),
        events.UpdateCompleted("update", b"null", FAILURE),
        events.ChildCancelRequested(7, "why"),
        events.RunTimedOut(),
        *of_children(),
        events.MessageRequested(3, "order-2", "", "approve", b"[1]", ""),
        *of_wills(),
        events.MessageSettled(3),
        events.MessageSettled(4, FAILURE),
        *(kind(2, b"[{}]") for kind in (events.LedgerCarried, events.LedgerInherited)),
        *(kind("request", "why", "ada@host") for kind in (events.RunPaused, events.RunUnpaused)),
        events.SideEffectRecorded(5, "price", b"7"),
        events.SideEffectRecorded(6, "price", b"", FAILURE),
        events.AttributesGiven(b'{"a":1}', ATTRIBUTES),
        events.MemoChanged(b"{}"),
        events.SearchAttributesChanged(ATTRIBUTES),
        *of_resets(),
    )
    return {
        "start_run": records.StartRun("request", "order-1", "fulfil", b"[1]", "client", 2, "closed"),
        "cancel_run": records.CancelRun("request", "order-1", "why", "client", 2),
        "repair_activity": records.RepairActivity(
            "request", "order-1", 2, "edit", b"[1]", "why", "ada@host", "client", 2
        ),
        "retry_run": records.RetryRun("request", "order-1"),
        "pause_run": records.PauseRun("request", "order-1", "why", "ada@host", "client", 2),
        "unpause_run": records.UnpauseRun("request", "order-1", "why", "ada@host", "client", 2, "run"),
        **of_other_runs(),
        "terminate_run": records.TerminateRun("request", "order-1", "why"),
        "read_run": records.ReadRun("request", "order-1", "history", "client", 2),
        "signal_run": records.SignalRun("request", "order-1", "approve", b'["Ann"]', "client", 2, "run"),
        "query_run": records.QueryRun("request", "order-1", "status", b"[1]", "client", 2, "run"),
        "update_run": records.UpdateRun(
            "request", "order-1", "update", "add", b"[1]", "client", 2, "run", "accepted", 6_000
        ),
        **of_attempts(),
        "child_report": records.ChildReport("order-1", "run", 7, "ship-1", "run-3", "completed", b"1"),
        "task": records.Task("order-1", "run", 1, 2, "reserve", b"[]", 10_000, "run/1"),
        "cancel_task": records.CancelTask("order-1", "run", 1, 2, "why", 1_764_000_000_123),
        "reply": records.Reply("request", "order-1", "run", "closed", "failed", None, FAILURE, (b"a", b""), True),
        "claim": records.Claim("worker", "claim", 1_764_000_000_123),
        "refusals": records.Refusals(1, 2, 3, 4, 5, (records.Refusal("request", "order-1", FAILURE),)),
        "positions": records.Positions(1, 1_764_000_000_123, 3, 4, 5),
        "dead_letter": records.DeadLetter("orders.commands", 1, 2**40, "cause", 3),
        "saga_outcome": of_outcomes(),
        "history": records.History(7, 8, "order-1", "run", 1, 9, 10, 11, (1, 2), False, all_events),
    }


def sample_for(schema: dict[str, Any]) -> records.Record:
    """The sample of a schema, of history without what its version does not have."""
    name = next(name for name, newest in FILES.items() if newest["name"] == schema["name"])
    sample = samples()[name]
    if not isinstance(sample, records.History):
        return sample
    union = next(field for field in schema["fields"] if field["name"] == "events")["type"]["items"]
    known = {branch["name"]: {field["name"] for field in branch["fields"]} for branch in union}
    kept = tuple(
        event
        for event in sample.events
        if type(event).__name__ in known and not _has_more(event, known[type(event).__name__])
    )
    return msgspec.structs.replace(sample, events=kept)


def _has_more(event: events.Event, known: set[str]) -> bool:
    """Whether a field that an older version lacks says something."""
    return any(
        getattr(event, field.name) != field.default
        for field in msgspec.structs.fields(event)
        if field.name not in known
    )
