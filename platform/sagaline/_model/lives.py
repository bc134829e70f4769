"""Events of runs that live long: over changes of their code, as one run after the other, or too long."""

from __future__ import annotations

import msgspec


class PatchMarked(msgspec.Struct, frozen=True, gc=False):
    """The code has asked for a patch for the first time, and has it from now on. It stands before everything else that
    the activation asked for. ``deprecated``: code may forget the patch."""

    patch: str
    deprecated: bool = False
    version: int = 1


class RunContinued(msgspec.Struct, frozen=True, gc=False):
    """The run has ended, and goes on as run ``run_id`` of the same workflow id, which begins with this input."""

    run_id: str
    input: bytes
    version: int = 1


class RunTimedOut(msgspec.Struct, frozen=True, gc=False):
    """The run has not ended by its deadline: it is stopped, and a saga rolls back."""

    version: int = 1


class LedgerCarried(msgspec.Struct, frozen=True, gc=False):
    """What a saga may have to undo goes along, sealed for the run that it continues as. It stands before that event."""

    steps: int
    ledger: bytes
    version: int = 1


class LedgerInherited(msgspec.Struct, frozen=True, gc=False):
    """The run is given what the run before may have to undo: its own rollback does that, after its own steps."""

    steps: int
    ledger: bytes
    version: int = 1


class LedgerReported(msgspec.Struct, frozen=True, gc=False):
    """What the run may have done and has not undone goes up to the run that has started it. It stands before the run's
    end. ``pivot``: behind that nothing of it could be undone any more."""

    steps: int
    ledger: bytes
    pivot: str = ""
    version: int = 1


class RunReplaced(msgspec.Struct, frozen=True, gc=False):
    """A start of the same workflow id ended the run and began the run ``by``."""

    request_id: str
    by: str
    version: int = 1
