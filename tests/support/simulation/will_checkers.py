"""What must hold of signals that runs leave for when they have ended, by the raw log alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from sagaline._model import events as e
from sagaline._model.records import SignalRun
from simulation.book_checkers import Run

_Standing = dict[tuple[str, int], bool]
"""By the run and step that left each; whether the run that has it has inherited it."""


class WillChecks:
    """Each is sent when the last run of its chain has ended, durably, whatever the end; one that was withdrawn never.
    ``runs``: all that there were, by id."""

    def __init__(self, violations: list[str], runs: Callable[[], Iterable[tuple[str, Run]]]) -> None:
        self._violations, self._runs = violations, runs
        self._sent: set[str] = set()

    def asked(self, request: object) -> None:
        """A request is in the log."""
        if isinstance(request, SignalRun) and request.request_id.startswith("will/"):
            if request.request_id not in self._sent and request.request_id not in self._due():
                self._violations.append(f"{request.request_id} was sent before the end of its run, or was withdrawn")
            self._sent.add(request.request_id)

    def finish(self, refused: set[str]) -> None:
        """None is lost; what is refused was sent too."""
        self._violations += [f"{will} was never sent" for will in sorted(self._due() - self._sent)]

    def _due(self) -> set[str]:
        runs = dict(self._runs())
        return {will for run_id, run in runs.items() for will in _sent_by(run_id, run, runs)}


def _sent_by(run_id: str, run: Run, runs: Mapping[str, Run]) -> Iterator[str]:
    end = run.terminal
    if end is None or isinstance(end, e.RunContinued):
        return
    for (left_by, step), is_inherited in standing(run_id, run, runs).items():
        if isinstance(end, e.RunReset) and end.fork.run_id == run_id and (is_inherited or step <= end.steps):
            continue  # its fork's
        yield f"will/{left_by}/{step}"


def standing(run_id: str, run: Run, runs: Mapping[str, Run]) -> _Standing:
    """What a run would send now. What it has inherited says the run before it."""
    stands: _Standing = {}
    for number, event in enumerate(run.events, 1):
        match event:
            case e.RunStarted() if event.continued_from in runs:
                before = standing(event.continued_from, runs[event.continued_from], runs)
                stands = dict.fromkeys(before, True)
            case e.WillLeft():
                owner = "" if run.fork is None else run.fork.run_at(number)
                stands[owner or run_id, event.step] = False
            case e.WillWithdrawn():
                stands.pop((event.run_id, event.step), None)
            case _:
                pass
    return stands
