"""Forks: runs that have the beginning of another one's history. What is meant for that one reaches the newest."""

from __future__ import annotations

from sagaline._engine.changes import Changes
from sagaline._engine.tables.runs import RunRow
from sagaline._model.forks import Fork

PREFIX = b"j/"


def forks_prefix(run_id: str) -> bytes:
    """Prefix of the forks of a run."""
    return b"j/%b/" % run_id.encode()


def _keys(run: RunRow, fork: Fork) -> list[bytes]:
    return [forks_prefix(before) + b"%016x/%b" % (fork.at, run.run_id.encode()) for before in fork.runs]


class Forks:
    """By the runs whose history was copied. Rows stay until the fork is retired, also when those runs are gone."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def of(self, run_id: str) -> list[str]:
        """Ids of the runs that have the beginning of this one's history, the oldest first."""
        return [key.rpartition(b"/")[2].decode() for key, _ in self._changes.scan(forks_prefix(run_id))]

    def put(self, run: RunRow, fork: Fork) -> None:
        """A fork has begun."""
        for key in _keys(run, fork):
            self._changes.put(key, b"")

    def drop(self, run: RunRow) -> None:
        """The run is retired."""
        for key in () if run.fork is None else _keys(run, run.fork):
            self._changes.put(key, None)
