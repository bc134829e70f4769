"""Whether a run may start: what is wrong with a request is found out before anything of it is recorded."""

from __future__ import annotations

import msgspec

from sagaline._engine.decide import run_id_of
from sagaline._engine.state import State
from sagaline._host.partition.repairs import FromOutside, why_unfit
from sagaline._host.partition.sealed_inputs import sealed_inputs
from sagaline._host.runs.forking import why_not_copied
from sagaline._host.runs.instances import Instances
from sagaline._model import limits
from sagaline._model.codec import decode
from sagaline._model.events import Fork, OutcomeRequest, RunStarted
from sagaline._model.failure import Failure
from sagaline._model.records import ChildReport, History, StartRun
from sagaline._model.system import why_reserved
from sagaline._payloads import (
    Place,
    Sealer,
    input_of,
    is_sealed,
    reported_ledger,
    result_of,
    step_ledger,
    step_result,
)
from sagaline._runtime.definitions import Registry
from sagaline.errors import InvalidInput, PayloadUnavailable


class Admission:
    """Refuses unknown workflows, and inputs that do not fit them."""

    def __init__(self, decided: State, registry: Registry, instances: Instances, payloads: Sealer) -> None:
        self._decided, self._registry, self._instances, self._payloads = decided, registry, instances, payloads

    def is_same(self, request: StartRun, run_id: str) -> bool:
        """True when the run began with the input that the request has. Sealed ones are compared opened; one that
        cannot be opened is like no other. Raises BlobsUnavailable, NotResident."""
        run = self._decided.run_by_id(request.workflow_id, run_id)
        if run is not None and self._decided.run_by_id(request.workflow_id, run.first_run_id) is not None:
            run_id = run.first_run_id
        record = decode(next(iter(self._decided.history.records(run_id)), None))
        if not isinstance(record, History) or not isinstance(started := record.events[0], RunStarted):
            return False
        if started.input == request.input:
            return True
        if not (is_sealed(started.input) or is_sealed(request.input)):
            return False
        first, other = (input_of(run_id), started.input), (input_of(run_id_of(request)), request.input)
        self._payloads.require([first, other])
        try:
            return self._payloads.open(*first) == self._payloads.open(*other)
        except PayloadUnavailable:
            return False

    def own_report(self, child: ChildReport) -> ChildReport:
        """A child's result and ledger as they are recorded in its parent: payloads are bound to their run. One that
        cannot be opened parks the run that would open it. Nothing is stored for a run that will not hear it. Raises
        BlobsUnavailable, NotResident."""
        payloads, result, ledger = self._payloads, child.result, child.ledger
        if not any(part and (is_sealed(part) or payloads.touches(part)) for part in (result, ledger)):
            return child
        parent = self._decided.run_by_id(child.workflow_id, child.run_id)
        if parent is None or parent.closed:
            return child
        payloads.require(sealed_inputs(child))
        place, of_child = (child.run_id, child.step), child.child_run_id
        if result is not None:
            result = self._moved(result_of(of_child), step_result(*place), result)
        if ledger:
            ledger = self._moved(reported_ledger(of_child), step_ledger(*place), ledger)
        return msgspec.structs.replace(child, result=result, ledger=ledger)

    def _moved(self, place: Place, to: Place, payload: bytes) -> bytes:
        """A payload of one place as it stands at another; as it is when it cannot be opened."""
        try:
            return self._payloads.seal(to, self._payloads.open(place, payload))
        except PayloadUnavailable:
            return payload

    def why_unfit(self, request: FromOutside) -> Failure | None:
        """The reason to refuse what is given from outside for an activity, or None. Raises BlobsUnavailable,
        NotResident."""
        return why_unfit(self._decided, self._registry, self._payloads, request)

    def why_not_copied(self, workflow_id: str, fork: Fork) -> Failure | None:
        """The reason to refuse a reset, or None. Raises BlobsUnavailable."""
        return why_not_copied(self._decided, workflow_id, fork, self._payloads)

    def why_not(self, request: StartRun) -> Failure | None:
        """The reason to refuse a start, or None. Raises BlobsUnavailable, NotResident."""
        workflow = self._registry.workflows.get(request.workflow)
        if workflow is None:
            names = ", ".join(sorted(self._registry.users)) or "none"
            message = f"Expected a workflow that the worker knows ({names}) but got {request.workflow!r}."
            return Failure("UnknownWorkflow", limits.cut(message), retryable=False)
        if (reserved := why_reserved(request.workflow, request.workflow_id)) is not None:
            return Failure("ReservedName", limits.cut(reserved), retryable=False)
        if len(request.input) > limits.PAYLOAD_BYTES:
            message = f"Expected an input of at most {limits.PAYLOAD_BYTES} bytes but it has {len(request.input)}."
            return Failure("PayloadTooLarge", message, retryable=False)
        if request.update and request.delay_ms:
            message = (
                f"Expected update {request.update!r} to come with a start that begins at once but it has a delay of "
                f"{request.delay_ms} ms: start the run first, and update it when its code has begun."
            )
            return Failure("InvalidInput", limits.cut(message), retryable=False)
        if self._payloads.has_blobs:
            self._payloads.require(sealed_inputs(request))
        if request.parent_run_id and (lost := self._lost(request)) is not None:
            return lost
        try:
            self._instances.prepare(workflow, request.workflow_id, run_id_of(request), request.input)
        except InvalidInput as error:
            return Failure("InvalidInput", limits.cut(str(error)), retryable=False)
        return None

    def admitted(self, started: RunStarted) -> RunStarted:
        """The start of a run, with what its workflow says of it. Contract: the workflow is known."""
        outcomes = self._registry.workflows[started.workflow].outcomes
        return msgspec.structs.replace(started, outcomes=OutcomeRequest(outcomes)) if outcomes else started

    def _lost(self, child: StartRun) -> Failure | None:
        """A child whose input is gone from the store of blobs is refused, for its parent waits: most likely it has been
        here, and was retired with its payloads before its start came once more. What else keeps an input shut, like a
        key that this worker lacks, parks the run until it is there. Raises BlobsUnavailable."""
        if is_sealed(child.input):
            try:
                self._payloads.open(input_of(run_id_of(child)), child.input)
            except PayloadUnavailable as error:
                if isinstance(error.__cause__, FileNotFoundError):
                    return Failure(type(error).__name__, limits.cut(str(error)), retryable=False)
        return None
