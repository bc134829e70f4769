"""Somebody outside, who has its token, says what came of an attempt of an activity, or that it goes on."""

from __future__ import annotations

from sagaline._engine.processors import activity_result
from sagaline._engine.processors.addressed import recipient
from sagaline._engine.processors.decisions import Decision, Rejected, rejected
from sagaline._engine.state import ReadState
from sagaline._model.attempts import COMPLETE, FAIL, HEARTBEAT
from sagaline._model.events import HeartbeatRecorded, OutcomeReceived
from sagaline._model.failure import Failure
from sagaline._model.records import ActivityResult, SettleActivity


def process(state: ReadState, request: SettleActivity, now_ms: int) -> Decision:
    """Nothing to record for a request that was heard before. Refused when the outcome is known ("TokenUsed"), when the
    attempt's time was over ("TokenExpired"), and when there is no such run."""
    run = recipient(state, request)
    if isinstance(run, Rejected):
        return run
    if run is None:
        return []
    step, attempt = request.step, request.attempt
    row = state.activity(request.run_id, step)
    if row is None:
        return _refused(request, "TokenUsed", "its outcome is known already, or nobody waits for it any more")
    if row.attempt != attempt:
        return _refused(request, "TokenExpired", f"that one was given up, and attempt {row.attempt} has another token")
    if request.what == HEARTBEAT:
        return [HeartbeatRecorded(step, attempt, request.payload)]
    if request.what not in (COMPLETE, FAIL):
        return _refused(request, "InvalidRequest", f"what came of it is {request.what!r}: neither complete nor fail")
    failure = request.failure
    if request.what == FAIL and failure is None:
        failure = Failure("ActivityRejected", "it was said to have failed")
    payload = request.payload if request.what == COMPLETE else None
    result = ActivityResult(
        request.workflow_id, request.run_id, step, attempt, payload, failure if request.what == FAIL else None
    )
    outcome = activity_result.process(state, result, now_ms)
    return outcome if isinstance(outcome, Rejected) else [OutcomeReceived(step, attempt, request.request_id), *outcome]


def _refused(request: SettleActivity, name: str, why: str) -> Rejected:
    message = (
        f"Expected attempt {request.attempt} of step {request.step} of {request.workflow_id!r} to be open but {why}."
    )
    return rejected(request.request_id, request.workflow_id, name, message)
