"""Whether what is given from outside for an activity fits it: the arguments of another attempt, or its result."""

from __future__ import annotations

from typing import Any

from sagaline._engine.state import State
from sagaline._host.partition.sealed_inputs import sealed_inputs
from sagaline._model.activities import EDIT
from sagaline._model.failure import Failure
from sagaline._model.limits import PAYLOAD_BYTES, cut
from sagaline._model.records import RepairActivity, SettleActivity
from sagaline._payloads import Sealer
from sagaline._runtime.codecs import codec_of
from sagaline._runtime.definitions import Registry
from sagaline._runtime.failures import failure_of
from sagaline.errors import InvalidInput, PayloadUnavailable

FromOutside = RepairActivity | SettleActivity


def why_unfit(state: State, registry: Registry, payloads: Sealer, request: FromOutside) -> Failure | None:
    """The reason to refuse it, or None: also when there is no such step or attempt, which is the processor's to say. An
    activity that this worker does not know takes any JSON. Raises BlobsUnavailable, NotResident."""
    run = state.run(request.workflow_id)
    row = None if run is None else state.activity(request.run_id or run.run_id, request.step)
    sealed = sealed_inputs(request)
    if row is None or not sealed or (isinstance(request, SettleActivity) and row.attempt != request.attempt):
        return None
    is_input = isinstance(request, RepairActivity) and request.action == EDIT
    if len(request.payload or b"") > PAYLOAD_BYTES and not payloads.has_blobs:
        text = f"Expected at most {PAYLOAD_BYTES:,} bytes for step {request.step} but got {len(sealed[0][1]):,}."
        return Failure("PayloadTooLarge", text, retryable=False)
    payloads.require(sealed)
    definition = registry.activities.get(row.scheduled.activity)
    try:
        payload = payloads.open(*sealed[0])
        if definition is None:
            codec_of(Any).decode(payload)
        elif is_input:
            definition.signature.decode_input(payload)
        else:
            definition.signature.decode_output(payload)
    except (InvalidInput, PayloadUnavailable) as error:
        return Failure(type(error).__name__, cut(str(error)), retryable=False)
    except BaseException as error:  # of the user's types, whatever it is
        failure = failure_of(error)
        what = "arguments" if is_input else "result"
        text = f"Expected {what} of {row.scheduled.activity} but reading them raised {failure.type}: {failure.message}"
        return Failure("InvalidInput", cut(text), retryable=False)
    return None
