"""Which events and records carry payloads, and how they are opened for code and sealed for the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from sagaline._host.runs.weights import PAYLOADS, SECOND_PAYLOADS
from sagaline._model.events import (
    ActivityCompleted,
    ActivityRepaired,
    ActivityScheduled,
    AttributesGiven,
    ChildEnded,
    ChildRequested,
    Command,
    Event,
    HeartbeatRecorded,
    LedgerCarried,
    LedgerInherited,
    LedgerReported,
    MemoChanged,
    MessageRequested,
    RunCompleted,
    RunContinued,
    RunStarted,
    SideEffectRecorded,
    SignalReceived,
    UpdateAccepted,
    UpdateCompleted,
    WillLeft,
)
from sagaline._model.failure import BUG, Failure
from sagaline._model.ids import child_run_id, successor_of, will_run_id
from sagaline._model.records import ActivityResult, History, SettleActivity
from sagaline._payloads import (
    Place,
    Sealed,
    Sealer,
    input_of,
    ledger_of,
    memo_of,
    message_input,
    reported_ledger,
    result_of,
    sent_message,
    step_details,
    step_input,
    step_ledger,
    step_result,
    update_result,
)
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.definitions import Registry
from sagaline._runtime.setup import Setup
from sagaline.errors import PayloadTooLarge, PayloadUnavailable

E = TypeVar("E", bound=Event)
_OF_OTHERS = (ChildRequested, LedgerCarried, LedgerReported, MessageRequested, RunContinued, WillLeft)
"""Their payloads are those of other runs, and may go with them: the run that has them never reads them."""


def place_of(run_id: str, event: object, field: str = "") -> Place:
    """What an event's payload is bound to; ``field`` is that of an event that has two. Raises TypeError for an event
    that has none."""
    match event:
        case AttributesGiven() | MemoChanged():
            return memo_of(run_id)
        case RunStarted():
            return input_of(run_id)
        case ChildRequested() | RunContinued() | LedgerCarried() | WillLeft():
            return _place_at_other(run_id, event, field)
        case ChildEnded():
            return (step_ledger if field == "ledger" else step_result)(run_id, event.step)
        case LedgerInherited():
            return ledger_of(run_id)
        case LedgerReported():
            return reported_ledger(run_id)
        case RunCompleted():
            return result_of(run_id)
        case ActivityScheduled() | ActivityRepaired() | MessageRequested():
            return step_input(run_id, event.step)
        case UpdateAccepted():
            return message_input(run_id, event.update_id)
        case UpdateCompleted():
            return update_result(run_id, event.update_id)
        case SignalReceived():
            return message_input(run_id, event.request_id)
        case _:
            return _place_of_outcome(run_id, event)


def _place_of_outcome(run_id: str, event: object) -> Place:
    match event:
        case HeartbeatRecorded() | SettleActivity(what="heartbeat"):
            return step_details(run_id, event.step)
        case ActivityCompleted() | ActivityResult() | SideEffectRecorded() | SettleActivity():
            return step_result(run_id, event.step)
        case _:
            raise TypeError(f"Expected an event with a payload but got {type(event).__name__}.")


def _place_at_other(run_id: str, event: ChildRequested | RunContinued | LedgerCarried | WillLeft, field: str) -> Place:
    """That of the run which is given the payload."""
    match event:
        case ChildRequested():
            child_run = child_run_id(run_id, event.step, event.child_id)
            return memo_of(child_run) if field == "memo" else input_of(child_run)
        case RunContinued():
            return input_of(event.run_id)
        case LedgerCarried():
            return ledger_of(successor_of(run_id))
        case WillLeft():  # as that of a message of a client's: nobody waits for it any more
            return sent_message(will_run_id(event.target_id, run_id, event.step))


def setup_of(registry: Registry, sealer: Sealer) -> Setup:
    """What instances are made with: how large their payloads may be depends on what is done with them."""
    if sealer.has_blobs:
        most = sealer.max_bytes
        return Setup(registry, payload_bytes=most, record_bytes=2 * most, carried_bytes=most)
    return Setup(registry, sealed_size=lambda payload: len(sealer.seal(result_of(""), payload)))


def seal_commands(sealer: Sealer, run_id: str, commands: list[Command]) -> list[Command]:
    """What the code asks for, as it is recorded. Raises WorkflowBug, BlobsUnavailable."""
    if sealer.is_plain:
        return commands
    for index, command in enumerate(commands):
        name = PAYLOADS.get(type(command))
        if name is not None and sealer.touches(getattr(command, name)):
            commands[index] = command = _sealed(sealer, run_id, command, name)
        if isinstance(command, ChildRequested) and command.memo and sealer.touches(command.memo):
            commands[index] = _sealed(sealer, run_id, command, "memo")
    return commands


def _sealed(sealer: Sealer, run_id: str, command: Command, name: str) -> Command:
    try:
        sealed = sealer.seal(place_of(run_id, command, name), getattr(command, name))
    except (PayloadTooLarge, PayloadUnavailable) as error:
        raise _bug(error) from error
    return msgspec.structs.replace(command, **{name: sealed})


def open_events(sealer: Sealer, run_id: str, events: Sequence[E]) -> list[E]:
    """Events of a run as the code is given them. A payload that cannot be opened parks the run: WorkflowBug."""
    return [_open(sealer, run_id, event) for event in events]


def sealed_of(sealer: Sealer, run_id: str, events: Iterable[object]) -> list[Sealed]:
    """The payloads of events and inputs that the run's code will be given, as far as they are sealed."""
    return [
        (place_of(run_id, event, name), payload)
        for event in events
        if (first := PAYLOADS.get(type(event))) is not None and not isinstance(event, _OF_OTHERS)
        for name in (first, SECOND_PAYLOADS.get(type(event)))
        if name is not None and (payload := getattr(event, name)) and not sealer.is_open(payload)
    ]


def _open(sealer: Sealer, run_id: str, event: E) -> E:
    name = PAYLOADS.get(type(event))
    if name is None:
        return event
    if isinstance(event, ChildEnded) and event.ledger:
        event = _opened(sealer, run_id, event, "ledger")
    return _opened(sealer, run_id, event, name)


def _opened(sealer: Sealer, run_id: str, event: E, name: str) -> E:
    payload = getattr(event, name)
    if not payload or sealer.is_open(payload) or isinstance(event, _OF_OTHERS):
        return event
    try:
        return msgspec.structs.replace(event, **{name: sealer.open(place_of(run_id, event, name), payload)})
    except PayloadUnavailable as error:
        raise _bug(error) from error


def sealed_anew(sealer: Sealer, before: str, run_id: str, event: E) -> E:
    """An event of run ``before`` as it stands in another, for a payload is bound to its run. One that cannot be opened
    parks the run that would open it."""
    if type(event) not in PAYLOADS or isinstance(event, _OF_OTHERS):
        return event
    for name in (PAYLOADS[type(event)], SECOND_PAYLOADS.get(type(event))):
        if name is None or not (payload := getattr(event, name)) or sealer.is_open(payload):
            continue
        try:
            plain = sealer.open(place_of(before, event, name), payload)
        except PayloadUnavailable:
            continue
        event = msgspec.structs.replace(event, **{name: sealer.seal(place_of(run_id, event, name), plain)})
    return event


def _bug(error: PayloadUnavailable | PayloadTooLarge) -> WorkflowBug:
    return WorkflowBug(Failure(type(error).__name__, str(error), BUG, retryable=False), "payload")


def open_record(sealer: Sealer, record: History) -> History:
    """A record of history as replay is given it."""
    return msgspec.structs.replace(record, events=tuple(open_events(sealer, record.run_id, record.events)))
