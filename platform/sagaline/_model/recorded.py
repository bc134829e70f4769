"""What a run's code puts into its history itself."""

from __future__ import annotations

import msgspec

from sagaline._model.failure import Failure


class SideEffectRecorded(msgspec.Struct, frozen=True, gc=False):
    """A side effect of the code has run: replay gives back what came of it."""

    step: int
    name: str
    result: bytes
    failure: Failure | None = None
    version: int = 1
