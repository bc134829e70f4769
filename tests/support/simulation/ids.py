"""What must hold when runs share a workflow id: one open run at a time, and nobody is answered with another's run."""

from __future__ import annotations

from sagaline._model.events import RunContinued, RunReset, RunStarted, RunTerminated
from sagaline._model.records import Reply, StartRun
from sagaline._payloads import is_sealed


class Ids:
    """Hears of starts, of runs that begin and end, and of answers; ``violations`` is shared with the watcher."""

    def __init__(self, violations: list[str]) -> None:
        self._violations = violations
        self._asked: dict[str, StartRun] = {}
        self._begun: dict[str, RunStarted] = {}  # by run id
        self._workflow_ids: set[str] = set()  # under which runs have begun
        self._open: dict[str, str] = {}  # run ids by workflow id
        self._replaced: set[str] = set()  # requests that have ended a run to begin another

        self._next: dict[str, str] = {}  # by workflow id: the run as which one goes on that has ended

    def asked(self, request: StartRun) -> None:
        self._asked[request.request_id] = request

    def began(self, workflow_id: str, run_id: str, event: RunStarted) -> None:
        other = self._open.get(workflow_id)
        if other is not None:
            self._violations.append(f"{workflow_id} has a second open run {run_id} beside {other}")
        follows = event.continued_from and event.fork is None
        if run_id != self._next.pop(workflow_id, run_id if not follows else ""):
            self._violations.append(f"{workflow_id} goes on as another run than {run_id}, or did before")
        self._open[workflow_id] = run_id
        self._begun[run_id] = event
        self._workflow_ids.add(workflow_id)
        self._replaced.discard(event.request_id)

    def ended(self, workflow_id: str, event: object) -> None:
        self._open.pop(workflow_id, None)
        if isinstance(event, RunTerminated) and event.request_id in self._asked:
            self._replaced.add(event.request_id)
        if isinstance(event, RunContinued | RunReset):
            self._next[workflow_id] = event.run_id

    def answered(self, reply: Reply) -> None:
        """An answer to a start names its own run, or one that the request may join."""
        request, run = self._asked.get(reply.request_id), self._begun.get(reply.run_id)
        if request is None or request.update or reply.kind not in ("accepted", "closed"):
            return  # the answer to an update says what run has that
        if run is None:
            if reply.run_id not in self._next.values():  # else it is on record that another goes on as that one
                self._violations.append(f"{reply.request_id} was answered with {reply.run_id}, which never began")
        elif run.request_id != request.request_id and request.id_conflict != "use_existing":
            if not self._may_join(request, run):
                self._violations.append(f"{reply.request_id} was answered with the run of {run.request_id}")

    def _may_join(self, request: StartRun, run: RunStarted | None) -> bool:
        """It asks for what the run, or one that has gone on as it, was asked for."""
        while run is not None:
            same_input = run.input == request.input or is_sealed(run.input) or is_sealed(request.input)
            if run.workflow == request.workflow and same_input:
                return True
            run = self._begun.get(run.continued_from)
        return False

    def finish(self, refused: set[str]) -> None:
        """Whoever has ended a run to begin another has begun it; no start is lost."""
        for request in self._asked.values():
            if request.workflow_id not in self._workflow_ids and request.request_id not in refused:
                self._violations.append(f"{request.request_id}, the start of {request.workflow_id}, was lost")
        self._violations += [f"{request} has ended a run and begun none" for request in sorted(self._replaced)]
        self._violations += [f"run {run_id} goes on as another that has not begun" for run_id in self._next.values()]
