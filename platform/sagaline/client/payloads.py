"""Payloads at the client: inputs are sealed when they are sent, results and histories opened when they are shown."""

from __future__ import annotations

import logging
from typing import Any, TypeVar

import msgspec

from sagaline._engine.decide import run_id_of
from sagaline._model.activities import EDIT
from sagaline._model.limits import PAYLOAD_BYTES
from sagaline._model.records import QueryRun, SignalRun, StartRun, UpdateRun
from sagaline._payloads import (
    NO_CODECS,
    BlobsUnavailable,
    Payloads,
    Place,
    Sealer,
    describe,
    input_of,
    is_sealed,
    memo_of,
    result_of,
    sent_message,
    step_input,
    step_result,
)
from sagaline._runtime.definitions import WorkflowDefinition
from sagaline._runtime.handlers import HandlerDefinition
from sagaline.client.threads import Threads
from sagaline.errors import PayloadTooLarge, PayloadUnavailable

_log = logging.getLogger("sagaline.client")
M = TypeVar("M", SignalRun, QueryRun, UpdateRun)


class ClientPayloads:
    """Seals and opens, off the event loop where that is work."""

    def __init__(self, payloads: Payloads, threads: Threads) -> None:
        self._sealer = Sealer(payloads)
        self._threads = threads

    def without_codecs(self) -> ClientPayloads:
        """What opens nothing that is sealed."""
        return ClientPayloads(NO_CODECS, self._threads)

    async def seal_input(self, request: StartRun) -> StartRun:
        """The request with its input as it is sent. Raises PayloadTooLarge, PayloadUnavailable."""
        if not self._sealer.is_plain:
            request = await self._sealed_parts(request)
        size = len(request.input) + len(request.signal_input) + len(request.update_input)
        if size > PAYLOAD_BYTES:
            raise PayloadTooLarge(
                f"Expected an input of {request.workflow} of at most {PAYLOAD_BYTES} bytes but it has "
                f"{size}: store the data elsewhere and pass a reference, or configure a store of blobs "
                f"(docs/operations.md)."
            )
        return request

    async def _sealed_parts(self, request: StartRun) -> StartRun:
        run_id = run_id_of(request)
        message = sent_message(run_id)
        places = {"input": input_of(run_id), "signal_input": message, "update_input": message, "memo": memo_of(run_id)}
        for name, place in places.items():
            if (payload := getattr(request, name)) and self._sealer.touches(payload):
                try:
                    sealed = await self._threads.run(self._sealer.seal, place, payload)
                except BlobsUnavailable as error:
                    text = f"Expected the store of blobs to take the arguments but {error}."
                    raise PayloadUnavailable(text) from error
                request = msgspec.structs.replace(request, **{name: sealed})
        return request

    async def forget_input(self, request: StartRun) -> None:
        """No run uses it, so none would delete it; nor what came with it."""
        if any(map(is_sealed, (request.input, request.signal_input, request.update_input, request.memo))):
            await self._forget(run_id_of(request))

    async def _forget(self, run_id: str) -> None:
        if self._sealer.has_blobs:
            try:
                await self._threads.run(self._sealer.delete_run, run_id)
            except BlobsUnavailable as error:
                _log.warning("%s", error)

    async def seal_message(self, request: M) -> M:
        """The request with its arguments as they are sent. Raises PayloadTooLarge, PayloadUnavailable."""
        if self._sealer.touches(request.input):
            place = sent_message(run_id_of(request))
            try:
                sealed = await self._threads.run(self._sealer.seal, place, request.input)
            except BlobsUnavailable as error:
                raise PayloadUnavailable(f"Expected the store of blobs to take the arguments but {error}.") from error
            request = msgspec.structs.replace(request, input=sealed)
        if len(request.input) > PAYLOAD_BYTES:
            raise PayloadTooLarge(
                f"Expected arguments of at most {PAYLOAD_BYTES} bytes but they have {len(request.input)}: store the "
                f"data elsewhere and pass a reference, or configure a store of blobs (docs/operations.md)."
            )
        return request

    async def seal_repair(self, run_id: str, step: int, action: str, payload: bytes) -> bytes:
        """What a person gives for a parked step, as it is sent. Raises PayloadTooLarge, PayloadUnavailable."""
        if not payload or not self._sealer.touches(payload):
            return payload
        place = step_input(run_id, step) if action == EDIT else step_result(run_id, step)
        try:
            return await self._threads.run(self._sealer.seal, place, payload)
        except BlobsUnavailable as error:
            raise PayloadUnavailable(f"Expected the store of blobs to take the payload but {error}.") from error

    async def sealed(self, place: Place, payload: bytes) -> bytes:
        """A payload of a run as it is sent. Raises PayloadTooLarge, PayloadUnavailable."""
        if not self._sealer.touches(payload):
            return payload
        try:
            return await self._threads.run(self._sealer.seal, place, payload)
        except BlobsUnavailable as error:
            raise PayloadUnavailable(f"Expected the store of blobs to take the result but {error}.") from error

    async def forget_message(self, request: SignalRun | QueryRun | UpdateRun) -> None:
        """It was answered: its run has a copy of its own, or does not need it."""
        await self._forget(run_id_of(request))

    async def answer(self, place: Place, payload: bytes | None, definition: HandlerDefinition | None) -> Any:
        """What a handler has answered, of the declared type where that is known. Raises PayloadUnavailable,
        InvalidInput."""
        data = b"null" if payload is None else await self._opened(place, payload)
        return msgspec.json.decode(data) if definition is None else definition.signature.decode_output(data)

    async def result(self, run_id: str, payload: bytes | None, definition: WorkflowDefinition | None) -> Any:
        """The result of a run, of the declared type where that is known. Raises PayloadUnavailable, InvalidInput."""
        data = b"null" if payload is None else payload
        if not self._sealer.is_open(data):
            data = await self._opened(result_of(run_id), data)
        return msgspec.json.decode(data) if definition is None else definition.signature.decode_output(data)

    async def shown(self, place: Place, payload: bytes) -> Any:
        """The JSON value of a payload; what it is, in words, when it cannot be opened here."""
        try:
            return msgspec.json.decode(await self._opened(place, payload))
        except (PayloadUnavailable, msgspec.DecodeError, RecursionError):
            return describe(payload) if is_sealed(payload) else f"<{len(payload)} bytes that are not read here>"

    async def _opened(self, place: Place, payload: bytes) -> bytes:
        if self._sealer.is_open(payload):
            return payload
        try:
            return await self._threads.run(self._sealer.open, place, payload)
        except BlobsUnavailable as error:
            raise PayloadUnavailable(f"Expected the store of blobs to answer but {error}.") from error
