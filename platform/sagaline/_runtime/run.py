"""Which run an instance is of: what does not change while it runs."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass

from sagaline._model.limits import LONG_BYTES, LONG_EVENTS
from sagaline._runtime.definitions import WorkflowDefinition
from sagaline._runtime.flags import CURRENT


@dataclass(slots=True)
class RunInfo:
    """A run's ids and workflow. ``flags``: the behaviours that it began with. ``started_ms``: since 1970, 0 before.

    ``events`` counts those of the activations before the running one, ``payload_bytes`` the arguments in them and all
    results so far.
    """

    workflow: WorkflowDefinition
    workflow_id: str
    run_id: str
    flags: Collection[int] = CURRENT
    started_ms: int = 0
    generator: random.Random | None = None
    events: int = 0
    payload_bytes: int = 0
    continued_from: str | None = None
    parent_id: str | None = None
    timed_out: bool = False

    @property
    def is_long(self) -> bool:
        """True when it had better continue as new."""
        return self.events >= LONG_EVENTS or self.payload_bytes >= LONG_BYTES

    @property
    def random(self) -> random.Random:
        """The run's own generator, seeded by its id."""
        if self.generator is None:
            self.generator = random.Random(self.run_id)
        return self.generator
