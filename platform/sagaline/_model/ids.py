"""Ids that follow from others: the run that a request starts, the key that a participant sees."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Protocol

from sagaline._model.activities import ActivityScheduled


class StartRequest(Protocol):
    """What the id of a run is made of."""

    @property
    def workflow_id(self) -> str: ...
    @property
    def request_id(self) -> str: ...


def run_id_of(request: StartRequest) -> str:
    """The id of the run that a request starts: the same for a repeat, unlike any other's."""
    return _run_id(request.workflow_id, request.request_id)


@lru_cache(maxsize=64)
def _run_id(workflow_id: str, request_id: str) -> str:
    """Kept for a moment, for a start needs it several times."""
    return hashlib.blake2b(f"{workflow_id}\0{request_id}".encode(), digest_size=16).hexdigest()


def successor_of(run_id: str) -> str:
    """The id of the run as which a run goes on."""
    return hashlib.blake2b(f"{run_id}\0continued".encode(), digest_size=16).hexdigest()


def undo_run_of(run_id: str) -> str:
    """The id of the run that undoes what the steps of this one have done: there is one, whoever asks for it."""
    return hashlib.blake2b(f"{run_id}\0undone".encode(), digest_size=16).hexdigest()


def child_request_id(run_id: str, step: int) -> str:
    """The id of the request by which a run starts its child: the receiver recognises a repeat by it."""
    return f"child/{run_id}/{step}"


def child_close_id(request_id: str) -> str:
    """The id of the request by which a run that ends stops the child that it has asked for by ``request_id``."""
    return f"{request_id}/close"


def child_run_id(run_id: str, step: int, child_id: str) -> str:
    """The id of the run that this request starts."""
    return _run_id(child_id, child_request_id(run_id, step))


def message_request_id(run_id: str, step: int) -> str:
    """The id of a message that a run sends to another: the receiver recognises a repeat by it."""
    return f"message/{run_id}/{step}"


def will_request_id(run_id: str, step: int) -> str:
    """The id of a signal that a run has left for when it has ended: the receiver recognises a repeat by it."""
    return f"will/{run_id}/{step}"


def will_run_id(target_id: str, run_id: str, step: int) -> str:
    """What that signal's arguments are bound to."""
    return _run_id(target_id, will_request_id(run_id, step))


def idempotency_key(run_id: str, step: int) -> str:
    """The key a participant sees: the same for every attempt of a step."""
    return f"{run_id}/{step}"


def compensation_key(run_id: str, step: int) -> str:
    """The key of the compensation of a step that a later run of its chain undoes: the same whichever run that is."""
    return f"{run_id}/{step}/compensation"


def step_keys(scheduled: ActivityScheduled, asked_by: str) -> tuple[str, str]:
    """The idempotency key that every attempt of a step is given, and that of the step that it undoes, or "".
    ``asked_by``: the run that the step's keys are made of."""
    if scheduled.compensates is None:
        return idempotency_key(asked_by, scheduled.step), ""
    of_run, undone = scheduled.compensates_run or asked_by, scheduled.compensates
    if scheduled.saga is not None and scheduled.saga.begun:
        return idempotency_key(of_run, scheduled.saga.begun), idempotency_key(of_run, undone)
    own = compensation_key(of_run, undone) if scheduled.compensates_run else idempotency_key(asked_by, scheduled.step)
    return own, idempotency_key(of_run, undone)
