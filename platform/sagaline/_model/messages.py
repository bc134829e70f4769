"""Events of the messages that a run receives, and of those that it sends to other runs."""

from __future__ import annotations

import msgspec

from sagaline._model.failure import Failure


class SignalReceived(msgspec.Struct, frozen=True, gc=False):
    """A signal has come; it waits until the code handles it."""

    request_id: str
    signal: str
    input: bytes
    sender_id: str = ""
    sender_run_id: str = ""
    sender_step: int = 0
    version: int = 1


class SignalsHandled(msgspec.Struct, frozen=True, gc=False):
    """The code has begun to handle signals, by their place among all that the run has received."""

    numbers: tuple[int, ...]
    version: int = 1


class UpdateAccepted(msgspec.Struct, frozen=True, gc=False):
    """An update was accepted: its handler begins."""

    update_id: str
    update: str
    input: bytes
    version: int = 1


class UpdateCompleted(msgspec.Struct, frozen=True, gc=False):
    """The handler of an update has answered, or failed: that is told to the asker, and is no failure of the run."""

    update_id: str
    result: bytes
    failure: Failure | None = None
    version: int = 1


class MessageRequested(msgspec.Struct, frozen=True, gc=False):
    """The code asks that another run be sent a signal, or, where that has no name, be asked to stop."""

    step: int
    target_id: str
    target_run_id: str
    signal: str
    input: bytes
    reason: str
    starts: str = ""  # the workflow that begins, without arguments, where no run is open
    version: int = 1


class MessageSettled(msgspec.Struct, frozen=True, gc=False):
    """The message is on record at the other run, or was refused there: ``failure`` says why."""

    step: int
    failure: Failure | None = None
    version: int = 1
