"""Questions to a run's code: answered by its object as it stands when the question comes.

The object may be ahead of what is acknowledged. So the answer leaves when an append that was sent after it is
acknowledged: then all that it shows is durable, and nobody else can have owned the partition.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sagaline._engine.decide import run_id_of
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunView
from sagaline._host.options import HostOptions
from sagaline._host.reading.answers import NOT_FOUND, refused
from sagaline._host.reading.waiters import Asker
from sagaline._host.runs.instances import Instances
from sagaline._host.runs.stalled import is_stalled
from sagaline._model.limits import NAME_BYTES, PAYLOAD_BYTES, cut
from sagaline._model.records import PARKED, QueryRun, Reply
from sagaline._payloads import BlobsUnavailable, Later, NotResident, message_answer, sent_message
from sagaline._runtime.bugs import ChangedByLook, WorkflowBug
from sagaline._runtime.definitions import Registry
from sagaline._runtime.failures import failure_of
from sagaline._runtime.handlers import HandlerDefinition, names_of
from sagaline._runtime.messages.looking import NOT_BEGUN
from sagaline.errors import InvalidInput, InvalidOutput, PayloadTooLarge, PayloadUnavailable


class QueryRefused(Exception):
    """There is no answer; ``type`` names the reason."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type


class Queries:
    """``ask`` gives an answer, and the id of its run, to whoever sends it when it is proven that it may leave."""

    def __init__(
        self,
        decided: State,
        registry: Registry,
        instances: Instances,
        options: HostOptions,
        ask: Callable[[QueryRun, str, Reply], None],
        later: Later,
    ) -> None:
        self._decided, self._registry, self._instances, self._options = decided, registry, instances, options
        self._ask, self._later = ask, later

    def ask(self, request: QueryRun) -> None:
        """Answers, or says why not. Contract: signals that came before are handled."""
        try:
            run = self._run(request)
            result = self._result(request, run)
            reply = Reply(request.request_id, request.workflow_id, run.run_id, "query", run.status, result)
        except NotResident as missing:
            self._later(missing, partial(self.ask, request))
            return
        except QueryRefused as refusal:
            asker = Asker(request.request_id, request.workflow_id, request.reply_to, request.reply_partition)
            reply = refused(asker, refusal.type, str(refusal))
        self._ask(request, reply.run_id, reply)

    def _run(self, request: QueryRun) -> RunView:
        workflow_id, run_id = request.workflow_id, request.run_id
        run = self._decided.run_by_id(workflow_id, run_id) if run_id else self._decided.run(workflow_id)
        if run is None:
            which = f" with run id {cut(run_id, NAME_BYTES)!r}" if run_id else ""
            raise QueryRefused(NOT_FOUND, f"Expected a run of workflow id {workflow_id!r}{which} but there is none.")
        if run.is_pending:
            text = f"Expected the run of {workflow_id!r} to have an object to ask but it has none (yet)."
            raise QueryRefused("RunNotBegun", text)
        if run.undo is not None:
            text = f"Expected a run whose code can be asked but that of {workflow_id!r} is undone, without its code."
            raise QueryRefused("BeingUndone", text)
        if run.held or (run.status == PARKED and is_stalled(run)) or self._options.marks.find(run.run_id) is not None:
            why = run.failure.message if run.failure is not None else "it has blocked a worker"
            raise QueryRefused(
                "RunParked", f"Expected a run that can be asked but that of {workflow_id!r} cannot: {why}"
            )
        return run

    def _result(self, request: QueryRun, run: RunView) -> bytes:
        handler = self._handler(request, run)
        payloads, own_id = self._options.payloads, run_id_of(request)
        try:
            args, kwargs = handler.arguments(request.query, payloads.open(sent_message(own_id), request.input))
            value = self._look(request, run, lambda receiver: handler.fn(receiver, *args, **kwargs))
            result = payloads.seal(message_answer(own_id), handler.signature.check_output(value))
        except (InvalidInput, InvalidOutput, PayloadTooLarge, PayloadUnavailable) as error:
            raise QueryRefused(type(error).__name__, str(error)) from error
        except NotResident:
            raise
        except BlobsUnavailable as error:
            raise QueryRefused("PayloadUnavailable", str(error)) from error
        if len(result) > PAYLOAD_BYTES:
            raise QueryRefused(
                "PayloadTooLarge",
                f"Expected the answer to {request.query!r} to have at most {PAYLOAD_BYTES:,} bytes but it has more.",
            )
        return result

    def _handler(self, request: QueryRun, run: RunView) -> HandlerDefinition:
        workflow = self._registry.workflows.get(run.workflow)
        if workflow is None:
            raise QueryRefused(
                "UnknownWorkflow", f"Expected a worker that knows workflow {run.workflow!r} but it does not."
            )
        handler = workflow.handlers.query(request.query)
        if handler is None:
            names = names_of(workflow.handlers.queries)
            raise QueryRefused(
                "UnknownQuery",
                f"Expected a query that workflow {run.workflow!r} answers ({names}) but got {request.query!r}.",
            )
        return handler

    def _look(self, request: QueryRun, run: RunView, code: Callable[[Any], Any]) -> Any:
        what = f"query {request.query!r} of {run.workflow}"
        try:
            value = self._instances.look(run, what, code)
        except ChangedByLook as error:
            raise QueryRefused("QueryChangesRun", str(error)) from error
        except WorkflowBug as bug:
            raise QueryRefused(
                "RunParked",
                f"Expected to ask the run of {run.workflow_id!r} but its code cannot run here: {bug.failure.message}",
            ) from bug
        except (BlobsUnavailable, PayloadUnavailable):
            raise
        except BaseException as error:  # sys.exit() too
            failure = failure_of(error)
            raise QueryRefused(
                "QueryFailed", f"Expected {what} to answer but it raised {failure.type}: {failure.message}"
            ) from error
        if value is NOT_BEGUN:
            raise QueryRefused(
                "RunNotBegun", f"Expected the run of {run.workflow_id!r} to have begun but its code has not run."
            )
        return value
