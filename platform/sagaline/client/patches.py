"""Which patches of workflow code are still needed, counted from the runs that there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sagaline.client.types import PatchUse, RunSummary


def count_patches(runs: Iterable[RunSummary]) -> list[PatchUse]:
    """Every patch that a run has, open or ended, by workflow and id."""
    open_runs: dict[str, list[RunSummary]] = defaultdict(list)
    known: set[tuple[str, str]] = set()
    for run in runs:
        known.update((run.workflow, patch) for patch in run.patches)
        if run.status.is_open:
            open_runs[run.workflow].append(run)
    return [_use_of(workflow, patch, open_runs[workflow]) for workflow, patch in sorted(known)]


def _use_of(workflow: str, patch: str, open_runs: Iterable[RunSummary]) -> PatchUse:
    answers = [run.patches.get(patch) for run in open_runs]
    patched, deprecated, without = (answers.count(answer) for answer in (False, True, None))
    return PatchUse(
        workflow, patch, patched, deprecated, without, "keep" if without else "deprecate" if patched else "remove"
    )
