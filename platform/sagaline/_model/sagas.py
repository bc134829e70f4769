"""Sagas: the events of the scopes in a run, and what their steps leave to undo."""

from __future__ import annotations

import msgspec


class SagaBegan(msgspec.Struct, frozen=True, gc=False):
    """A scope has begun as step ``step`` of the run, 0 for that of the run itself. ``parent``: the scope around it, -1
    for none. ``parallel`` and ``limit``: how its steps are undone. (The run's own scope says so only where it differs
    from one after the other.)"""

    step: int
    parent: int = -1
    parallel: bool = False
    limit: int = 0
    version: int = 1


class SagaEnded(msgspec.Struct, frozen=True, gc=False):
    """A scope has ended: ``committed``, its steps are those of the scope around it, or ``compensated``."""

    step: int
    outcome: str
    version: int = 1


class Undo(msgspec.Struct, frozen=True, gc=False):
    """A step that may have had an effect, and the call that undoes it: data, which later runs and later versions of the
    code can read. ``run_id`` is that of the run that the step is of. ``begun``: the step of that run which had begun to
    undo it, and whose key the call is given; 0 when none had."""

    run_id: str
    step: int
    activity: str
    outcome: str
    compensation: str
    input: msgspec.Raw
    fallback: str = ""
    begun: int = 0
