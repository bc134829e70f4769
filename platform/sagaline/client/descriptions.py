"""What owners answer about runs, from its JSON to the public types."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from sagaline._model import descriptions as wire
from sagaline._model.failure import Failure
from sagaline._model.flow import RATE, flow_of
from sagaline._model.forks import Fork
from sagaline._model.records import Reply
from sagaline._payloads import memo_of, result_of
from sagaline._runtime.attributes import values_of
from sagaline.client.events import at_ms
from sagaline.client.payloads import ClientPayloads
from sagaline.client.types import (
    Description,
    LimitName,
    OpenStep,
    Reset,
    RunSummary,
    SagaSummary,
    Status,
    StepWait,
)

_description = msgspec.json.Decoder(wire.RunDescription)
_KINDS: dict[str, Literal["activity", "timer", "child", "message", "limit"]] = {
    wire.TIMER: "timer",
    wire.CHILD: "child",
    wire.MESSAGE: "message",
    wire.LIMIT: "limit",
}
_summary = msgspec.json.Decoder(wire.RunSummary)


async def description_of(reply: Reply, payloads: ClientPayloads, unowned_since: datetime | None = None) -> Description:
    """The run in an answer to a request for its description."""
    shown = _description.decode(reply.result or b"{}")
    result = shown.result
    memo: dict[str, Any] = {}
    if shown.memo is not None:
        notes: Any = await payloads.shown(memo_of(reply.run_id), shown.memo)
        memo = {"": notes} if isinstance(notes, str) else notes
    if shown.sealed_result is not None:
        result = await payloads.shown(result_of(reply.run_id), shown.sealed_result)
    return Description(
        reply.workflow_id,
        reply.run_id,
        shown.workflow,
        Status(reply.status),
        at_ms(shown.started_at_ms),
        at_ms(shown.last_at_ms),
        _time(shown.closed_at_ms),
        _time(shown.parked_at_ms),
        shown.events,
        reply.failure,
        shown.patches or {},
        _time(shown.paused_at_ms),
        shown.pause_reason,
        shown.paused_by,
        values_of(shown.search_attributes),
        open_steps=shown.open_steps,
        waits_for=tuple(map(_open_step, shown.waits_for)),
        cancel_requested=shown.cancel_requested,
        result=result,
        unowned_since=unowned_since,
        continued_from=shown.continued_from or None,
        continued_to=shown.continued_to or None,
        first_run_id=shown.first_run_id or None,
        signals_waiting=shown.signals_waiting,
        signals_left=shown.signals_left or {},
        memo=memo,
        reset_to=shown.reset_to or None,
        locks=shown.locks,
        limits=tuple(name for limit_id in shown.limits if (name := limit_name(limit_id)) is not None),
        saga=_saga(shown.saga, shown.parked_steps),
        undoes=shown.undoes or None,
        undone_by=shown.undone_by or None,
        undo_reason=shown.undo_reason,
        undo_by=shown.undo_by,
        reset_from=None if shown.reset is None else reset_of(shown.reset),
    )


def _saga(counts: wire.SagaCounts | None, parked: int) -> SagaSummary | None:
    if counts is None and not parked:
        return None
    counts = counts or wire.SagaCounts()
    return SagaSummary(counts.done, counts.undone, counts.unknown, parked, counts.pivot or None)


def reset_of(fork: Fork) -> Reset:
    """A reset, for people."""
    return Reset(fork.run_id, fork.event_id, at_ms(fork.at), fork.reason, fork.by)


def summary_of(record: bytes) -> RunSummary:
    """One run of a list."""
    shown = _summary.decode(record)
    failure = Failure(shown.failure_type, shown.failure_message) if shown.failure_type else None
    return RunSummary(
        shown.workflow_id,
        shown.run_id,
        shown.workflow,
        Status(shown.status),
        at_ms(shown.started_at_ms),
        at_ms(shown.last_at_ms),
        _time(shown.closed_at_ms),
        _time(shown.parked_at_ms),
        shown.events,
        failure,
        shown.patches or {},
        _time(shown.paused_at_ms),
        shown.pause_reason,
        shown.paused_by,
        values_of(shown.search_attributes),
    )


def _open_step(shown: wire.OpenStep) -> OpenStep:
    failure = Failure(shown.failure_type, shown.failure_message) if shown.failure_type else None
    kind = _KINDS.get(shown.kind, "activity")
    return OpenStep(
        shown.step,
        kind,
        str(limit_name(shown.activity) or shown.activity) if kind == "limit" else shown.activity,
        max(1, shown.attempt),
        failure,
        _time(shown.at_ms or None),
        shown.compensates,
        shown.queue or None,
        _time(shown.queued_at_ms or None),
        _time(shown.started_at_ms or None),
        _time(shown.parked_at_ms or None),
        None if shown.waits_for is None else _wait(shown.waits_for),
    )


def limit_name(workflow_id: str) -> LimitName | None:
    """The limit that a run of this workflow id keeps; None when it keeps none."""
    parts = flow_of(workflow_id)
    return None if parts is None else LimitName("rate" if parts[0] == RATE else "concurrency", *parts[1:])


def _wait(shown: wire.Wait) -> StepWait:
    place = None if shown.before is None else shown.before + 1
    return StepWait(shown.kind, shown.name, shown.limit, _time(shown.since_ms or None), place)


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else at_ms(milliseconds)
