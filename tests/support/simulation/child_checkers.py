"""What must hold of the end of a child, as its parent hears of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sagaline._model import events as e
from simulation.book_checkers import Run

_GOES_ON = (e.RunContinued, e.RunReset)


def check_beginning(
    run_id: str, run: Run, event: e.RunStarted, retired: Iterable[tuple[str, Run]], refused: set[str]
) -> list[str]:
    """A child begins once, and not when its parent is told that it was refused, however late its start comes again."""
    run.parent = (event.parent_run_id, event.parent_step)
    if not event.parent_run_id or event.continued_from:
        return []
    again = (
        [f"child {run.workflow_id} ({run_id}) began again when it was retired"]
        if any(run_id == one for one, _ in retired)
        else []
    )
    return [*again, *([f"child {run.workflow_id} began when it was refused"] if event.request_id in refused else [])]


def check_child(run_id: str, run: Run, event: e.ChildEnded, runs: Iterable[tuple[str, Run]]) -> Iterator[str]:
    """It reaches the parent once, and not before it is durable."""
    if run.children.get(event.step, event) is not None:
        yield f"a second or unasked end of child {event.step} of {run.workflow_id}"
    run.children[event.step] = event
    asked_by = run.owner(run_id, event.step)
    ends = [child.terminal for _, child in runs if child.parent == (asked_by, event.step)]
    if event.status != "refused" and not any(end and not isinstance(end, _GOES_ON) for end in ends):
        yield f"the end of child {event.step} of {run.workflow_id} was told before it was durable"
