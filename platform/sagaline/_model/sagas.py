"""Events of sagas: the scopes in a run."""

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
