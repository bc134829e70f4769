"""From a request that was decided to its answer: which append proves that the answer holds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sagaline._host.partition.progress import Progress
from sagaline._host.reading.reads import Reads
from sagaline._model.records import Command, Reply, SignalRun, UpdateRun


class Asking:
    """``when_stored`` calls back when the blobs that were made so far are stored: an answer may name one."""

    def __init__(self, reads: Reads, progress: Progress, when_stored: Callable[[Callable[[], None]], None]) -> None:
        self._reads, self._progress, self._when_stored = reads, progress, when_stored

    def ask(self, request: Command, run_id: str, answer: Reply | None = None) -> None:
        """Answers when the next append is acknowledged, with a run or with ``answer``."""
        if answer is None:
            self._ask(request, run_id)
        else:
            self._when_stored(partial(self._ask, request, run_id, answer))

    def _ask(self, request: Command, run_id: str, answer: Reply | None = None) -> None:
        progress = self._progress
        self._reads.ask(request, progress.appended + 1, idle=not progress.in_flight, run_id=run_id, answer=answer)

    def ask_recorded(self, request: SignalRun | UpdateRun, run_id: str, recorded: bool) -> None:
        """The same; ``recorded``: the newest append is its record, and the proof."""
        progress = self._progress
        number = progress.appended if recorded else progress.appended + 1
        self._reads.ask(request, number, idle=not progress.in_flight, run_id=run_id)
