"""Which run an instance is of: what does not change while it runs."""

from __future__ import annotations

import random
from collections.abc import Collection

import msgspec

from sagaline._model.limits import LONG_BYTES, LONG_EVENTS
from sagaline._runtime.definitions import WorkflowDefinition
from sagaline._runtime.flags import CURRENT


class RunInfo(msgspec.Struct):
    """A run's ids and workflow. ``flags``: the behaviours that it began with. ``started_ms``: since 1970, 0 before.

    ``events`` counts those of the activations before the running one, ``payload_bytes`` the arguments in them and all
    results so far. ``stands_for``: while copied events of another run are replayed, that run. ``chain``: the first run
    of those that go on one as the other; a reset changes nothing in that. ``wants_ledger``: the run that has started it
    may undo it.
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
    stands_for: str = ""
    copied: tuple[tuple[int, str], ...] = ()
    chain: str = ""
    wants_ledger: bool = False

    @property
    def is_long(self) -> bool:
        """True when it had better continue as new."""
        return self.events >= LONG_EVENTS or self.payload_bytes >= LONG_BYTES

    @property
    def identity(self) -> str:
        """The run that the code takes itself for: what it has derived from a run's id stays the same behind a reset."""
        return self.stands_for or self.run_id

    def stand_for(self, run_id: str, steps: int) -> None:
        """The code takes itself for another run from here on, its own with ``""``: ``steps`` of its steps are those of
        the one before. What chance gives it is not what that one was given later."""
        if run_id != self.stands_for:
            self.copied = (*self.copied, (steps, self.stands_for))
            self.stands_for = run_id
            if self.generator is not None:
                self.generator.seed(self.identity)

    def run_of(self, step: int) -> str:
        """The run that a step's keys are made of."""
        copied = (run_id for last, run_id in self.copied if step <= last)
        return next(copied, self.identity) if self.copied else self.identity

    @property
    def random(self) -> random.Random:
        """The run's own generator, seeded by its id."""
        if self.generator is None:
            self.generator = random.Random(self.identity)
        return self.generator
