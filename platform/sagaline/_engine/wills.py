"""What runs leave behind for when they have ended: it goes to the outbox with the record of the end, whatever that is,
so it is never lost; whoever receives it recognises a repeat by its id. Nobody is left to hear what becomes of it."""

from __future__ import annotations

from sagaline._engine.state import State
from sagaline._engine.tables.outbox import BY_KEY, OutboxRow
from sagaline._engine.tables.runs import RunRow
from sagaline._engine.tables.wills import StandingWill, WillRow
from sagaline._model.codec import decode, encode
from sagaline._model.forks import RunReset
from sagaline._model.ids import will_request_id
from sagaline._model.records import SignalRun
from sagaline._model.wills import Will, WillLeft


def leave_will(state: State, run: RunRow, event: WillLeft) -> None:
    """The code has left one."""
    left_by = run.stands_for or run.run_id
    will = Will(left_by, event.step, event.target_id, event.signal, event.input)
    state.wills.put(run, left_by, event.step, _row(will, is_inherited=False))


def inherit_will(state: State, run: RunRow, will: Will) -> None:
    """One that a run before it has left. Where that run is still there, so is its row."""
    state.wills.put(run, will.run_id, will.step, _row(will, is_inherited=True))


def send_wills(state: State, run: RunRow) -> None:
    """The run has ended for good."""
    for will in state.wills.of(run.run_id):
        _send(state, will)
    state.wills.drop_all(run)


def split_wills(state: State, run: RunRow, event: RunReset) -> None:
    """A reset has ended the run. What its fork has in its copy is the fork's: what it had inherited, and has left up to
    the last step that is copied. The rest is sent: nobody knows of it any more. A fork of an earlier run of the chain
    has none of it."""
    is_base = event.fork.run_id == run.run_id
    for will in state.wills.of(run.run_id):
        if not (is_base and (will.row.is_inherited or will.step <= event.steps)):
            _send(state, will)
    state.wills.drop_all(run)


def standing_wills(state: State, run_id: str) -> tuple[Will, ...]:
    """Those of a run, as its first record has them."""
    return tuple(_will(standing) for standing in state.wills.of(run_id))


def _will(standing: StandingWill) -> Will:
    request = decode(standing.row.value)
    if not isinstance(request, SignalRun):
        raise TypeError(f"Expected a signal as the will of step {standing.step} but got {type(request).__name__}")
    return Will(standing.run_id, standing.step, request.workflow_id, request.signal, request.input)


def _row(will: Will, is_inherited: bool) -> WillRow:
    request_id = will_request_id(will.run_id, will.step)
    request = SignalRun(request_id, will.target_id, will.signal, will.input)
    return WillRow(will.target_id, encode(request), is_inherited)


def _send(state: State, will: StandingWill) -> None:
    state.send(OutboxRow("commands", BY_KEY, will.row.target_id.encode(), will.row.value))
