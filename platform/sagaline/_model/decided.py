"""The records of the history topic: what owners have decided, and their claims."""

from __future__ import annotations

import msgspec

from sagaline._model.events import Event
from sagaline._model.failure import Failure


class Claim(msgspec.Struct, frozen=True, gc=False):
    """Takes a partition over: its offset is the epoch of the records that follow."""

    owner: str
    claim_id: str
    at: int


class Refusal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One request that could not be accepted."""

    request_id: str
    workflow_id: str
    failure: Failure
    parent_id: str = ""
    parent_run_id: str = ""
    parent_step: int = 0
    run_id: str = ""


class Refusals(msgspec.Struct, frozen=True, gc=False):
    """Requests that were refused, recorded before they are answered."""

    epoch: int
    at: int
    commands_position: int
    results_position: int
    released: int
    refusals: tuple[Refusal, ...]


class Positions(msgspec.Struct, frozen=True, gc=False):
    """How far the inputs have been consumed: what carried it before may be retired."""

    epoch: int
    at: int
    commands_position: int
    results_position: int
    released: int


class History(msgspec.Struct, frozen=True, gc=False):
    """One activation of a run with all its events."""

    epoch: int
    at: int
    workflow_id: str
    run_id: str
    first_event_id: int
    commands_position: int
    results_position: int
    released: int
    flags: tuple[int, ...]
    more: bool
    events: tuple[Event, ...]
