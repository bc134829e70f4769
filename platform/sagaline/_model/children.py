"""Events of a run that starts others: its children."""

from __future__ import annotations

import msgspec

from sagaline._model.attributes import SearchAttribute
from sagaline._model.failure import Failure


class ChildRequested(msgspec.Struct, frozen=True, gc=False):
    """The code has asked for a run of its own, with workflow id ``child_id``. ``parent_close``: what becomes of it when
    this run ends first. ``id_reuse``: as for a start. ``wants_ledger``: this run may undo what the child has done, the
    saga ``scope`` of it (0: the run's own; -1: none, so that the ledger goes on to the run that has started this one).
    """

    step: int
    child_id: str
    workflow: str
    input: bytes
    parent_close: str
    id_reuse: str
    memo: bytes = b""
    search_attributes: tuple[SearchAttribute, ...] = ()
    wants_ledger: bool = False
    scope: int = -1
    version: int = 1


class ChildBegan(msgspec.Struct, frozen=True, gc=False):
    """The child is running, as run ``run_id``."""

    step: int
    run_id: str
    version: int = 1


class ChildEnded(msgspec.Struct, frozen=True, gc=False):
    """The child has ended with ``status``; "refused": it never began. ``failure``: why it has no result.
    ``ledger``: the ``steps`` that it may have done and has not undone. ``pivot``: behind that it could not be undone.
    """

    step: int
    status: str
    result: bytes | None = None
    failure: Failure | None = None
    ledger: bytes = b""
    steps: int = 0
    pivot: str = ""
    version: int = 1


class ChildCancelRequested(msgspec.Struct, frozen=True, gc=False):
    """The code asks the child to stop; its end will still be recorded."""

    step: int
    reason: str
    version: int = 1
