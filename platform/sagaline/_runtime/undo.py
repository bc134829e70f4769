"""What undoes a step of another run, as data."""

from __future__ import annotations

import msgspec


class Undo(msgspec.Struct, frozen=True, gc=False):
    """A step that may have had an effect, and the call that undoes it: data, which later runs of the chain and later
    versions of the code can read. ``run_id`` is that of the run that the step is of."""

    run_id: str
    step: int
    activity: str
    outcome: str
    compensation: str
    input: msgspec.Raw
    fallback: str = ""
