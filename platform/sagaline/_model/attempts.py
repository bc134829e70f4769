"""What is said of an attempt of an activity by whoever makes it."""

from __future__ import annotations

import msgspec

from sagaline._model.failure import Failure


class ActivityResult(msgspec.Struct, frozen=True, gc=False):
    """What an attempt of an activity came to."""

    workflow_id: str
    run_id: str
    step: int
    attempt: int
    result: bytes | None = None
    failure: Failure | None = None
    next_delay_ms: int = -1
    """How long the next attempt waits; negative: as the retry policy says."""
