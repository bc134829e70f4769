"""Where a payload belongs. It is bound to its place when it is encrypted, and opens nowhere else."""

from __future__ import annotations

import re
from typing import NamedTuple

_RUN_ID = re.compile(r"[0-9a-f]{32}")


class Place(NamedTuple):
    """A run, and a payload of it."""

    run_id: str
    field: str


def input_of(run_id: str) -> Place:
    """The input of a run: in the request that starts it, and in its first event."""
    return Place(run_id, "input")


def result_of(run_id: str) -> Place:
    """The result of a run."""
    return Place(run_id, "result")


def step_input(run_id: str, step: int) -> Place:
    """The arguments of an activity."""
    return Place(run_id, f"{step}/input")


def step_result(run_id: str, step: int) -> Place:
    """The result of an activity."""
    return Place(run_id, f"{step}/result")


def step_details(run_id: str, step: int) -> Place:
    """How far an attempt of an activity has come."""
    return Place(run_id, f"{step}/details")


def message_input(run_id: str, message_id: str) -> Place:
    """The arguments of a message that a run has received."""
    return Place(run_id, f"{message_id}/message")


def update_result(run_id: str, update_id: str) -> Place:
    """What the handler of an update has returned."""
    return Place(run_id, f"{update_id}/answer")


def ledger_of(run_id: str) -> Place:
    """What the runs before a run may have to undo."""
    return Place(run_id, "ledger")


def reported_ledger(run_id: str) -> Place:
    """What a run may have to be undone, for the run that has started it."""
    return Place(run_id, "reported")


def step_ledger(run_id: str, step: int) -> Place:
    """The same of a child, as its parent has it."""
    return Place(run_id, f"{step}/ledger")


def memo_of(run_id: str) -> Place:
    """The memo of a run."""
    return Place(run_id, "memo")


def sent_message(message_run_id: str) -> Place:
    """The arguments of a message on its way. It may mean a run whose id is not known where it is sent, so it is bound
    to an id of its own, made as that of a run is."""
    return Place(message_run_id, "message")


def message_answer(message_run_id: str) -> Place:
    """The answer to a message, for whoever has sent it."""
    return Place(message_run_id, "answer")


def is_run_id(text: str) -> bool:
    """True for 32 hexadecimal digits, which are safe as the name of a folder."""
    return _RUN_ID.fullmatch(text) is not None
