"""Events of messages to a run: signals and updates."""

from __future__ import annotations

import msgspec

from sagaline._model.failure import Failure


class SignalReceived(msgspec.Struct, frozen=True, gc=False):
    """A signal has come; it waits until the code handles it."""

    request_id: str
    signal: str
    input: bytes
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
