"""Runs whose steps somebody has undone: the command, and the event that says so."""

from __future__ import annotations

import msgspec


class UndoRun(msgspec.Struct, frozen=True, gc=False):
    """Undoes what the steps of a run have done. ``terminates``: of one that is open, whose code is called no more; else
    of one that has ended, by another run of its workflow id."""

    request_id: str
    workflow_id: str
    run_id: str
    reason: str
    by: str
    terminates: bool = False
    reply_to: str = ""
    reply_partition: int = 0


class UndoRequested(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """From here on the run has no code but the platform's, which undoes what its steps have done, and what it has
    inherited. ``run_id``: the run that had ended, in one that has begun to undo it; "" in a run that is undone itself.

    ``begins_at``: not before this time (attempts of that run may last as long), and ``kept_until``: at least so long
    the run is kept when it has ended, in milliseconds since 1970.
    """

    request_id: str
    reason: str
    by: str
    run_id: str = ""
    begins_at: int = 0
    kept_until: int = 0
    version: int = 1
