"""Whether a message can be taken by the code of its run: its name, its arguments, and what a validator says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sagaline._engine.decide import Rejected
from sagaline._engine.tables.runs import RunView
from sagaline._host.partition.sealed_inputs import sealed_inputs
from sagaline._host.runs.instances import Instances
from sagaline._model.failure import Failure
from sagaline._model.limits import PAYLOAD_BYTES, cut
from sagaline._model.records import SignalRun, UpdateRun
from sagaline._payloads import BlobsUnavailable, Sealer, message_input
from sagaline._runtime.bugs import ChangedByLook, WorkflowBug
from sagaline._runtime.definitions import Registry, WorkflowDefinition
from sagaline._runtime.failures import failure_of
from sagaline._runtime.handlers import Arguments, HandlerDefinition, names_of
from sagaline._runtime.messages.looking import NOT_BEGUN
from sagaline.errors import InvalidInput, PayloadTooLarge, PayloadUnavailable

Message = SignalRun | UpdateRun
Validate = Callable[[HandlerDefinition, Any, Arguments, RunView], None]


class Unfit(Exception):
    """The message is refused; ``failure`` says why."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(type, cut(message), retryable=False)


class MessageAdmission:
    """``message`` gives the arguments as the run's history keeps them, or the refusal."""

    def __init__(self, registry: Registry, instances: Instances, payloads: Sealer) -> None:
        self._registry, self._instances, self._payloads = registry, instances, payloads

    def require(self, requests: Iterable[Message]) -> None:
        """Their arguments are in memory. Raises NotResident."""
        self._payloads.require(sealed for request in requests for sealed in sealed_inputs(request))

    def message(self, request: Message, run: RunView) -> bytes | Rejected:
        """Raises BlobsUnavailable.

        Of a workflow that this worker does not know no signal can be refused: they wait for one that does.
        """
        message_id = request.update_id if isinstance(request, UpdateRun) else request.request_id
        place = message_input(run.run_id, message_id)
        return _or_refusal(request, lambda: self._payloads.seal(place, self._fitting(request, run, self._validate)))

    def before_start(self, update: UpdateRun, run: RunView) -> Rejected | None:
        """The refusal of an update whose run is yet to begin, for its name or arguments: there is no object to ask."""
        found = _or_refusal(update, lambda: self._fitting(update, run, None))
        return found if isinstance(found, Rejected) else None

    def _fitting(self, request: Message, run: RunView, validate: Validate | None) -> bytes:
        """The arguments, opened. Raises Unfit, PayloadUnavailable, BlobsUnavailable."""
        payload = self._payloads.open(*sealed_inputs(request)[0])
        if len(payload) > PAYLOAD_BYTES and not self._payloads.has_blobs:
            text = f"Expected arguments of at most {PAYLOAD_BYTES:,} bytes but they have {len(payload):,}."
            raise Unfit("PayloadTooLarge", text)
        workflow = self._registry.workflows.get(run.workflow)
        if workflow is None:
            if isinstance(request, SignalRun):
                return payload
            text = f"Expected workflow {run.workflow!r} to be registered with the worker but it is not."
            raise Unfit("UnknownWorkflow", text)
        name, handler = _handler(request, workflow)
        arguments = _arguments(handler, name, payload)
        if validate is not None and handler.validator is not None:
            validate(handler, handler.validator, arguments, run)
        return payload

    def _validate(self, handler: HandlerDefinition, validator: Any, arguments: Arguments, run: RunView) -> None:
        """What a validator raises is the refusal, under its own name."""
        args, kwargs = arguments
        what = f"the validator of update {handler.name!r} of {run.workflow}"
        try:
            value = self._instances.look(run, what, lambda receiver: validator(receiver, *args, **kwargs))
        except ChangedByLook as error:
            raise Unfit("ValidatorChangesRun", str(error)) from error
        except WorkflowBug as bug:
            raise Unfit("RunParked", f"Expected to ask {what} but its code cannot run: {bug.failure.message}") from bug
        except (BlobsUnavailable, PayloadUnavailable):
            raise
        except BaseException as error:  # sys.exit() too
            failure = failure_of(error)
            raise Unfit(failure.type, failure.message or f"{what} said no") from error
        if value is NOT_BEGUN:
            text = f"Expected the run of {run.workflow_id!r} to have an object to ask but it has none (yet)."
            raise Unfit("RunNotBegun", text)


def _or_refusal(request: Message, admit: Callable[[], bytes]) -> bytes | Rejected:
    try:
        return admit()
    except Unfit as unfit:
        failure = unfit.failure
    except (PayloadUnavailable, PayloadTooLarge) as error:
        failure = Failure(type(error).__name__, cut(str(error)), retryable=False)
    return Rejected(request.request_id, request.workflow_id, failure)


def _handler(request: Message, workflow: WorkflowDefinition) -> tuple[str, HandlerDefinition]:
    handlers = workflow.handlers
    if isinstance(request, UpdateRun):
        name, handler, known, kind = request.update, handlers.update(request.update), handlers.updates, "update"
    else:
        name, handler, known, kind = request.signal, handlers.signal(request.signal), handlers.signals, "signal"
    if handler is None:
        article = "an update" if kind == "update" else "a signal"
        text = f"Expected {article} that workflow {workflow.name!r} handles ({names_of(known)}) but got {name!r}."
        raise Unfit(f"Unknown{kind.capitalize()}", text)
    return name, handler


def _arguments(handler: HandlerDefinition, name: str, payload: bytes) -> Arguments:
    try:
        return handler.arguments(name, payload)
    except InvalidInput as error:
        raise Unfit("InvalidInput", str(error)) from error
    except BaseException as error:  # of a validator's of the user's types, whatever it is
        failure = failure_of(error)
        text = f"Expected the arguments of {name!r} to be read but their types raised {failure.type}: {failure.message}"
        raise Unfit("InvalidInput", text) from error
