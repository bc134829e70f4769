"""Resets: a run begins with the beginning of another's history, and the open one of the id ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sagaline._engine.decide import Forked, Rejected, decide, run_id_of
from sagaline._engine.family import addressed
from sagaline._host.partition.admission import Admission
from sagaline._host.partition.progress import Progress
from sagaline._host.partition.recorder import Recorder
from sagaline._host.partition.rows import Rows
from sagaline._host.partition.unfit import bounded
from sagaline._host.runs.activations import Activations
from sagaline._model.records import ChildReport, ResetRun


class Ask(Protocol):
    """Answers a request when what was decided for it is durable."""

    def __call__(self, request: ResetRun, run_id: str) -> None: ...


class Resets:
    """Nothing is recorded of one that is refused. One that is begun is finished by whoever owns the partition: the
    first record says all that is needed. So a request that waits for payloads of the copy (NotResident) finds, when it
    is handled again, the run that it has begun."""

    def __init__(
        self,
        rows: Rows,
        recorder: Recorder,
        activations: Activations,
        admission: Admission,
        progress: Progress,
        ask: Ask,
        clock: Callable[[], int],
    ) -> None:
        self._decided, self._recorder, self._activations = rows.decided, recorder, activations
        self._admission, self._progress, self._ask, self._clock = admission, progress, ask, clock

    def addressed(self, report: ChildReport) -> ChildReport:
        """The report for the run that has the step which it is of: by now that may be a fork of the one that asked."""
        run = self._decided.run(report.workflow_id)
        if run is None or run.fork is None or run.run_id == report.run_id:
            return report
        self._activations.complete(report.workflow_id, self._progress.before)
        return addressed(self._decided, report)

    def reset(self, request: ResetRun) -> None:
        """Resets a run, answers with the run that this request has begun before, or refuses."""
        self._recorder.refusals()
        self._activations.complete(request.workflow_id, self._progress.before)
        request = bounded(request)
        decision = decide(self._decided, request, self._clock())
        run = self._decided.run(request.workflow_id)
        if isinstance(decision, Forked) and run is not None:
            failure = self._admission.why_not_copied(request.workflow_id, decision.fork)
            if failure is not None:
                decision = Rejected(request.request_id, request.workflow_id, failure)
            else:
                self._activations.fork(run, run_id_of(request), decision, self._progress.before)
        if isinstance(decision, Rejected):
            self._recorder.refuse(decision, request)
        elif request.reply_to:
            self._ask(request, run_id_of(request))
