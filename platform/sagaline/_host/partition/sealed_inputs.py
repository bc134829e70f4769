"""The payloads that inputs bring along, as they stand on the log: what deciding on an input will open."""

from __future__ import annotations

from sagaline._engine.decide import run_id_of
from sagaline._model.records import (
    ActivityResult,
    ChildReport,
    QueryRun,
    RepairActivity,
    SettleActivity,
    SignalRun,
    StartRun,
    UpdateRun,
)
from sagaline._payloads import (
    Sealed,
    input_of,
    memo_of,
    reported_ledger,
    result_of,
    sent_message,
    step_input,
    step_result,
)


def sealed_inputs(request: object) -> list[Sealed]:
    """With their places; the arguments first."""
    match request:
        case StartRun():
            run_id = run_id_of(request)
            message = sent_message(run_id)
            messages = [(message, request.signal_input), (message, request.update_input)]
            return [(input_of(run_id), request.input), *messages, (memo_of(run_id), request.memo)]
        case SignalRun(sender_run_id=sender, sender_step=step) if sender:  # a run has bound them to its step
            return [(step_input(sender, step), request.input)]
        case SignalRun() | UpdateRun() | QueryRun():  # a client to the message
            return [(sent_message(run_id_of(request)), request.input)]
        case ActivityResult(result=result) if result is not None:
            return [(step_result(request.run_id, request.step), result)]
        case SettleActivity(what="complete", payload=result) if result is not None:
            return [(step_result(request.run_id, request.step), result)]
        case RepairActivity(action="edit"):
            return [(step_input(request.run_id, request.step), request.payload)]
        case RepairActivity(action="done"):
            return [(step_result(request.run_id, request.step), request.payload or b"null")]
        case ChildReport(child_run_id=child, result=result, ledger=ledger):
            found = [] if result is None else [(result_of(child), result)]
            return [*found, (reported_ledger(child), ledger)] if ledger else found
        case _:
            return []
