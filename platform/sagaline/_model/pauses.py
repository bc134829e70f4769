"""A person pauses a run and lets it go on: the commands and the events."""

from __future__ import annotations

import msgspec


class PauseRun(msgspec.Struct, frozen=True, gc=False):
    """Asks for a run to stand still."""

    request_id: str
    workflow_id: str
    reason: str
    by: str
    reply_to: str = ""
    reply_partition: int = 0
    run_id: str = ""


class UnpauseRun(msgspec.Struct, frozen=True, gc=False):
    """Asks for a paused run to go on."""

    request_id: str
    workflow_id: str
    reason: str
    by: str
    reply_to: str = ""
    reply_partition: int = 0
    run_id: str = ""


class RunPaused(msgspec.Struct, frozen=True, gc=False):
    """A person has paused the run: what arrives is recorded and waits."""

    request_id: str
    reason: str
    by: str
    version: int = 1


class RunUnpaused(msgspec.Struct, frozen=True, gc=False):
    """The run is paused no more: its code is given all that has arrived since."""

    request_id: str
    reason: str
    by: str
    version: int = 1
