"""What an activity may ask about itself, and tell."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

import msgspec


class ForwardStep(msgspec.Struct, frozen=True, gc=False):
    """The step that a compensation undoes.

    ``outcome`` is "completed", or "unknown" when a time-out, a cancellation or a failure leaves open whether
    it had an effect. ``idempotency_key`` is the key its own attempts were given.
    """

    idempotency_key: str
    outcome: str


class ActivityInfo(msgspec.Struct, frozen=True):
    """One attempt of an activity.

    ``idempotency_key`` is the same for every attempt of the step: hand it to the participant, so that a repeat
    has its effect once. ``deadline`` is when the attempt is given up, in seconds since 1970. ``compensates``
    is set in a compensation. ``heartbeat_details`` are those of the last heartbeat of an attempt before, as values of
    JSON. ``token`` lets somebody outside say what came of the attempt (``activity.complete_later``).
    """

    workflow_id: str
    run_id: str
    activity: str
    step: int
    attempt: int
    idempotency_key: str
    deadline: float
    compensates: ForwardStep | None = None
    heartbeat_details: tuple[Any, ...] = ()
    token: str = ""


class CompleteLater(BaseException):
    """Ends an activity whose outcome comes from outside. Not an Exception: ``except Exception`` lets it through."""


class RunningAttempt(Protocol):
    """The attempt that runs the calling code; its methods may be called from any of its tasks and threads."""

    def info(self) -> ActivityInfo:
        """Ids, attempt number, key, deadline. Few ask, so it is put together when they do."""
        ...

    def heartbeat(self, details: bytes | None) -> None:
        """It is alive, and has come so far: a JSON array, or None for what it said last."""
        ...

    @property
    def details(self) -> bytes | None:
        """What the attempt before said last: a JSON array."""
        ...

    @property
    def is_cancelled(self) -> bool:
        """True when nobody waits for it any more, or it is asked to stop."""
        ...

    def shielded(self) -> AbstractContextManager[None]:
        """In a thread: no cancellation comes out of the code inside."""
        ...
