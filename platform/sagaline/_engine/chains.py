"""Runs that go on one as the other: whoever means one of them means the last, as far as its end is concerned."""

from __future__ import annotations

from typing import Protocol

from sagaline._engine.tables.runs import RunView


class Runs(Protocol):
    """The runs of a partition."""

    def run(self, workflow_id: str, /) -> RunView | None:
        """The newest run of a workflow id."""
        ...

    def run_by_id(self, workflow_id: str, run_id: str, /) -> RunView | None:
        """A run of a workflow id, the newest or an earlier one."""
        ...


def first_of(run: RunView) -> str:
    """The id of the first run of the chain that a run is in."""
    return run.first_run_id or run.run_id


def last_of_chain(state: Runs, workflow_id: str, run_id: str) -> RunView | None:
    """The run in which the one with this id goes on, at last; itself when it does not. ``run_id`` "" is the newest of
    the workflow id. The first run of a chain may have been retired: then its id means the chain all the same."""
    newest = state.run(workflow_id)
    if newest is None or not run_id or run_id in (newest.run_id, newest.first_run_id):
        return newest
    run = state.run_by_id(workflow_id, run_id)
    if run is None or not run.continued_to:
        return run
    if first_of(run) == first_of(newest):
        return newest
    while run.continued_to and (behind := state.run_by_id(workflow_id, run.continued_to)) is not None:
        run = behind
    return run
