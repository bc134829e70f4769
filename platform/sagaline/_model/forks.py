"""Runs that begin with the history of another: the command, and what a reset leaves behind in both."""

from __future__ import annotations

import msgspec


class ResetRun(msgspec.Struct, frozen=True, gc=False):
    """Begins a run whose history is that of another up to an event, and ends that one if it is open."""

    request_id: str
    workflow_id: str
    run_id: str
    event_id: int
    reason: str
    by: str = ""
    drop_signals: bool = False
    reply_to: str = ""
    reply_partition: int = 0


class Fork(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where the first events of a run are copied from. ``runs`` are the runs that they are of, the first one first,
    ``event_ids`` up to which event the history is that of each; the last is the run that was reset. ``ended``: the run
    that the reset has ended, "" if none was open. ``delivered`` of the events that came later come again."""

    runs: tuple[str, ...]
    event_ids: tuple[int, ...]
    at: int
    request_id: str
    reason: str
    by: str
    drop_signals: bool
    delivered: int
    ended: str

    @property
    def run_id(self) -> str:
        """The run that was reset."""
        return self.runs[-1]

    @property
    def event_id(self) -> int:
        """The last event that is copied."""
        return self.event_ids[-1]

    def run_at(self, event_id: int) -> str:
        """The run in which a copied event happened; "" for an event that is the fork's own."""
        copied = zip(self.runs, self.event_ids, strict=True)
        return next((run for run, end in copied if event_id <= end), "")


class RunReset(msgspec.Struct, frozen=True, gc=False):
    """A reset ended the run and began run ``run_id``. Children of steps up to ``steps`` go on with that one."""

    run_id: str
    steps: int
    fork: Fork
    version: int = 1
