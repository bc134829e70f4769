"""The client: starts runs and waits for them, from any program that reaches the log.

::

    async with await Client.connect("kafka://broker:9092/orders") as client:
        handle = await client.start(fulfil_order, order, id="order-42")
        receipt = await handle.result()
"""

from __future__ import annotations

import asyncio
import base64
import logging
import random
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, overload

import msgspec

from sagaline._engine.decide import run_id_of
from sagaline._host.options import PAYLOAD_LIMIT, wall_clock_ms
from sagaline._host.publishing.deadletters import send_to_dead_letters
from sagaline._host.runs.sealing import open_events
from sagaline._log import COMMANDS, REPLIES, Log, Record, open_log
from sagaline._model.codec import UnreadableRecord, decode, encode
from sagaline._model.events import Event
from sagaline._model.failure import Failure
from sagaline._model.records import (
    COMPLETED,
    CancelRun,
    Command,
    History,
    ReadRun,
    Reply,
    RetryRun,
    StartRun,
    TerminateRun,
)
from sagaline._payloads import NO_CODECS, BlobsUnavailable, Payloads, Sealer, describe, is_sealed
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.definitions import WorkflowDefinition
from sagaline.errors import (
    ConfigurationError,
    InvalidInput,
    LogUnavailable,
    PayloadTooLarge,
    PayloadUnavailable,
    RequestRefused,
    RequestTimeout,
    RunError,
)
from sagaline.workflow import Workflow

__all__ = ["Client", "Description", "ParkedRun", "RunHandle"]

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
R = TypeVar("R")
_log = logging.getLogger("sagaline.client")
_ASK_AGAIN_S = 5.0
_DEFAULT_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Description:
    """A run as its owner sees it. ``status`` is running, parked, completed, failed, compensated, cancelled or
    terminated; ``failure`` says why it is parked or did not complete."""

    workflow_id: str
    run_id: str
    workflow: str
    status: str
    started_at: datetime
    closed_at: datetime | None
    events: int
    open_steps: int
    result: Any = None
    failure: Failure | None = None


@dataclass(frozen=True)
class ParkedRun:
    """A run that waits for a person or a fixed worker. ``type`` and ``cause`` say why, ``event`` is the last of its
    history so far."""

    workflow_id: str
    run_id: str
    workflow: str
    parked_at: datetime
    event: int
    type: str
    cause: str


class RunHandle(Generic[R]):
    """A run that was started, or is looked up by its id."""

    def __init__(self, client: Client, workflow_id: str, run_id: str, definition: WorkflowDefinition | None) -> None:
        self._client, self._definition = client, definition
        self.workflow_id = workflow_id
        self.run_id = run_id

    async def result(self, timeout_s: float | None = None) -> R:
        """The run's result, when it has ended. Raises RunError when it ended without one, RequestTimeout."""
        reply = await self._client.read(self.workflow_id, "result", timeout_s)
        return await self._client.outcome(reply, self._definition)  # type: ignore[no-any-return]

    async def describe(self, timeout_s: float = _DEFAULT_TIMEOUT_S) -> Description:
        """Status, times and counts. Raises RequestRefused when there is no such run."""
        reply = await self._client.read(self.workflow_id, "description", timeout_s)
        found = msgspec.json.decode(reply.result or b"{}")
        return Description(
            reply.workflow_id,
            reply.run_id,
            found["workflow"],
            reply.status,
            datetime.fromtimestamp(found["started_at_ms"] / 1000, UTC),
            None if found["closed_at_ms"] is None else datetime.fromtimestamp(found["closed_at_ms"] / 1000, UTC),
            found["events"],
            found["open_steps"],
            await self._client.shown_result(found),
            reply.failure,
        )

    async def history(self, timeout_s: float = _DEFAULT_TIMEOUT_S) -> list[History]:
        """The run's history records, in order. Payloads that cannot be opened here stay sealed."""
        reply = await self._client.read(self.workflow_id, "history", timeout_s)
        records = [decode(value) for value in reply.records]
        return [await self._client.readable(record) for record in records if isinstance(record, History)]

    async def cancel(self, reason: str = "cancelled by a client") -> None:
        """Asks the run to stop; a saga rolls back. Returns when the request is durable, not when the run has ended."""
        await self._client.send(CancelRun(uuid.uuid4().hex, self.workflow_id, reason))

    async def retry(self, timeout_s: float = _DEFAULT_TIMEOUT_S) -> None:
        """Takes a parked run up again. Raises RequestRefused when it is not parked, or parks again at once."""
        await self._client.retry(self.workflow_id, timeout_s)

    async def terminate(self, reason: str = "terminated by a client") -> None:
        """Ends the run at once: no code of it runs, nothing is compensated."""
        await self._client.send(TerminateRun(uuid.uuid4().hex, self.workflow_id, reason))


class _Waiting:
    """A request without its answer yet; parts of a long answer are collected."""

    def __init__(
        self, request: Command, loop: asyncio.AbstractEventLoop, timeout_s: float | None, partition: int | None
    ) -> None:
        self.request, self.timeout_s, self.partition = request, timeout_s, partition
        self.deadline = None if timeout_s is None else loop.time() + timeout_s
        self.wait_s = _ASK_AGAIN_S
        self.future: asyncio.Future[Reply] = loop.create_future()
        self.timer: asyncio.TimerHandle | None = None
        self.parts: list[bytes] = []

    def take(self, reply: Reply) -> None:
        self.parts += reply.records
        if not reply.more and not self.future.done():
            self.future.set_result(msgspec.structs.replace(reply, records=tuple(self.parts)) if self.parts else reply)


class Client:
    """A connection to a namespace. Use ``await Client.connect(url)``; close it, or use it as a context manager."""

    def __init__(self, log: Log, payloads: Payloads) -> None:
        self._log = log
        self._payloads = Sealer(payloads)
        self._id = f"client-{uuid.uuid4().hex}"
        self._waiting: dict[str, _Waiting] = {}
        self._partition = 0

    @classmethod
    async def connect(cls, url: str, *, payloads: Payloads = NO_CODECS) -> Client:
        """Connects to the log at ``url``; ``payloads`` as the workers have it. Raises ConfigurationError,
        LogUnavailable."""
        client = cls(open_log(url), payloads)
        await client._open()
        return client

    async def _open(self) -> None:
        await self._log.open()
        self._partition = random.randrange(self._log.partitions)
        _, end = await self._log.bounds(REPLIES, self._partition)
        self._reader = self._log.reader(self._on_replies)
        self._reader.add(REPLIES, self._partition, end)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnects. Runs go on."""
        await self._reader.close()
        await self._log.close()

    # Starting

    @overload
    async def start(self, workflow: Callable[[], Coroutine[Any, Any, R]], /, *, id: str) -> RunHandle[R]: ...
    @overload
    async def start(self, workflow: Callable[[A], Coroutine[Any, Any, R]], a: A, /, *, id: str) -> RunHandle[R]: ...
    @overload
    async def start(
        self, workflow: Callable[[A, B], Coroutine[Any, Any, R]], a: A, b: B, /, *, id: str
    ) -> RunHandle[R]: ...
    @overload
    async def start(
        self, workflow: Callable[[A, B, C], Coroutine[Any, Any, R]], a: A, b: B, c: C, /, *, id: str
    ) -> RunHandle[R]: ...
    @overload
    async def start(
        self, workflow: Callable[[A, B, C, D], Coroutine[Any, Any, R]], a: A, b: B, c: C, d: D, /, *, id: str
    ) -> RunHandle[R]: ...
    async def start(self, workflow: Any, /, *args: Any, id: str) -> RunHandle[Any]:
        """Starts a run and returns when it has begun.

        ``id`` is the business id: the same id again gives the run that is there. Arguments are given by position.
        Raises InvalidInput when they do not fit (nothing is sent), RequestRefused when no worker knows the
        workflow, RequestTimeout.
        """
        definition = _definition(workflow)
        payload = definition.signature.check_input(args, {})
        handle = await self.start_by_name(definition.name, payload, id=id)
        return RunHandle(self, handle.workflow_id, handle.run_id, definition)

    @overload
    async def execute(self, workflow: Callable[[], Coroutine[Any, Any, R]], /, *, id: str) -> R: ...
    @overload
    async def execute(self, workflow: Callable[[A], Coroutine[Any, Any, R]], a: A, /, *, id: str) -> R: ...
    @overload
    async def execute(self, workflow: Callable[[A, B], Coroutine[Any, Any, R]], a: A, b: B, /, *, id: str) -> R: ...
    @overload
    async def execute(
        self, workflow: Callable[[A, B, C], Coroutine[Any, Any, R]], a: A, b: B, c: C, /, *, id: str
    ) -> R: ...
    @overload
    async def execute(
        self, workflow: Callable[[A, B, C, D], Coroutine[Any, Any, R]], a: A, b: B, c: C, d: D, /, *, id: str
    ) -> R: ...
    async def execute(self, workflow: Any, /, *args: Any, id: str) -> Any:
        """Starts a run and waits for its result, with one request and one answer. Raises RunError too."""
        definition = _definition(workflow)
        payload = definition.signature.check_input(args, {})
        return await self.outcome(await self._start(definition.name, payload, id, "closed", None), definition)

    async def start_by_name(self, workflow: str, payload: bytes, *, id: str) -> RunHandle[Any]:
        """Starts a run of a workflow whose code is not here; ``payload`` is the JSON array of its arguments."""
        reply = await self._start(workflow, payload, id, "accepted", _DEFAULT_TIMEOUT_S)
        return RunHandle(self, id, reply.run_id, None)

    async def execute_by_name(self, workflow: str, payload: bytes, *, id: str) -> Any:
        """As ``start_by_name``, but waits for the result, with one request and one answer."""
        return await self.outcome(await self._start(workflow, payload, id, "closed", None), None)

    def handle(self, workflow_id: str) -> RunHandle[Any]:
        """The run of a workflow id, whoever started it."""
        return RunHandle(self, workflow_id, "", None)

    async def _start(
        self, workflow: str, payload: bytes, workflow_id: str, reply_when: str, timeout_s: float | None
    ) -> Reply:
        if not workflow_id or len(workflow_id.encode()) > 255:
            raise InvalidInput(f"Expected an id of 1 to 255 bytes but got {workflow_id!r}.")
        request = StartRun(uuid.uuid4().hex, workflow_id, workflow, payload, self._id, self._partition, reply_when)
        sealed = self._payloads.touches(payload)
        if sealed:
            payload = await self._seal(run_id_of(request), payload)
            request = msgspec.structs.replace(request, input=payload)
        if len(payload) > PAYLOAD_LIMIT:
            raise PayloadTooLarge(
                f"Expected an input of {workflow} of at most {PAYLOAD_LIMIT} bytes but it has {len(payload)}: "
                f"store the data elsewhere and pass a reference, or configure a store of blobs (docs/operations.md)."
            )
        try:
            reply = await self.request(request, timeout_s)
        except RequestRefused:
            await self._forget_blob(request, sealed)
            raise
        if reply.run_id != run_id_of(request):  # another start was first
            await self._forget_blob(request, sealed)
        return reply

    async def _seal(self, run_id: str, payload: bytes) -> bytes:
        try:
            return await asyncio.to_thread(self._payloads.seal, run_id, payload)
        except BlobsUnavailable as error:
            raise PayloadUnavailable(f"Expected the store of blobs to take the input but {error}.") from error

    async def _forget_blob(self, request: StartRun, sealed: bool) -> None:
        """No run uses it, so none would delete it."""
        if sealed and self._payloads.has_blobs:
            try:
                await asyncio.to_thread(self._payloads.delete_run, run_id_of(request))
            except BlobsUnavailable as error:
                _log.warning("%s", error)

    # Parked runs

    async def parked(self, timeout_s: float = _DEFAULT_TIMEOUT_S) -> list[ParkedRun]:
        """All runs of the namespace that are parked, the longest first. Raises RequestTimeout when a partition has no
        owner that answers."""
        asked = [self._parked(number, timeout_s) for number in range(self._log.partitions)]
        found = [run for runs in await asyncio.gather(*asked) for run in runs]
        return sorted(found, key=lambda run: run.parked_at)

    async def _parked(self, partition: int, timeout_s: float) -> list[ParkedRun]:
        request = ReadRun(uuid.uuid4().hex, f"partition {partition}", "parked", self._id, self._partition)
        reply = await self.request(request, timeout_s, partition)
        runs: list[ParkedRun] = []
        for record in reply.records:
            shown = msgspec.json.decode(record)
            at = datetime.fromtimestamp(shown.pop("parked_at_ms") / 1000, UTC)
            runs.append(ParkedRun(**shown, parked_at=at))
        return runs

    async def retry(self, workflow_id: str, timeout_s: float) -> None:
        """See ``RunHandle.retry``."""
        await self.request(RetryRun(uuid.uuid4().hex, workflow_id, self._id, self._partition), timeout_s)

    # Requests and answers

    async def read(self, workflow_id: str, what: str, timeout_s: float | None) -> Reply:
        """Asks the owner of a run for its result, description or history."""
        return await self.request(ReadRun(uuid.uuid4().hex, workflow_id, what, self._id, self._partition), timeout_s)

    async def request(self, request: Command, timeout_s: float | None, partition: int | None = None) -> Reply:
        """Sends a request until it is answered: an owner that dies forgets who waits, but not what is recorded."""
        waiting = _Waiting(request, asyncio.get_running_loop(), timeout_s, partition)
        self._waiting[request.request_id] = waiting
        self._ask(waiting)
        try:
            reply = await waiting.future
        finally:
            del self._waiting[request.request_id]
            if waiting.timer is not None:
                waiting.timer.cancel()
        if reply.kind == "refused":
            raise RequestRefused(reply.failure or Failure("Refused", "no reason was given"))
        return reply

    def _ask(self, waiting: _Waiting) -> None:
        self._publish(waiting.request, None, waiting.partition)
        loop = waiting.future.get_loop()
        left_s = waiting.wait_s if waiting.deadline is None else min(waiting.wait_s, waiting.deadline - loop.time())
        waiting.timer = loop.call_later(left_s, self._ask_again, waiting)

    def _ask_again(self, waiting: _Waiting) -> None:
        if waiting.future.done():
            return
        if waiting.deadline is not None and waiting.future.get_loop().time() >= waiting.deadline:
            waiting.future.set_exception(
                RequestTimeout(
                    f"Expected an answer about {waiting.request.workflow_id!r} within {waiting.timeout_s:g} s but none "
                    f"came. Is a worker of namespace {self._log.namespace!r} running?"
                )
            )
            return
        waiting.wait_s = min(waiting.wait_s * 2, 60.0)
        waiting.parts.clear()
        self._ask(waiting)

    async def send(self, request: Command) -> None:
        """Sends a request without an answer; returns when it is durable."""
        done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._publish(request, done.set_result)
        error = await done
        if error is not None:
            raise LogUnavailable(f"Expected the log to take the request but {error}.")

    def _publish(
        self, request: Command, on_done: Callable[[str | None], None] | None, partition: int | None = None
    ) -> None:
        """To the partition of the workflow id, unless another is given."""
        self._log.publish(COMMANDS, partition, request.workflow_id.encode(), encode(request), on_done)

    async def shown_result(self, description: dict[str, Any]) -> Any:
        """The result in a description; what it is, in words, when it cannot be opened here."""
        sealed = description["sealed_result"]
        if sealed is None:
            return description["result"]
        payload = base64.b64decode(sealed)
        try:
            return msgspec.json.decode(await self._opened(payload))
        except PayloadUnavailable:
            return describe(payload)

    async def readable(self, record: History) -> History:
        """A record with the payloads that can be opened here."""
        shown: list[Event] = []
        for event in record.events:
            try:
                shown += await asyncio.to_thread(open_events, self._payloads, [event])
            except (WorkflowBug, BlobsUnavailable):
                shown.append(event)
        return msgspec.structs.replace(record, events=tuple(shown))

    async def _opened(self, payload: bytes) -> bytes:
        if not is_sealed(payload):
            return payload
        try:
            return await asyncio.to_thread(self._payloads.open, payload)
        except BlobsUnavailable as error:
            raise PayloadUnavailable(f"Expected the store of blobs to answer but {error}.") from error

    async def outcome(self, reply: Reply, definition: WorkflowDefinition | None) -> Any:
        """The result in a reply; raises RunError, PayloadUnavailable."""
        if reply.status != COMPLETED:
            failure = reply.failure or Failure("Unknown", "no reason was given")
            raise RunError(reply.workflow_id, reply.status, failure)
        data = await self._opened(reply.result or b"null")
        return msgspec.json.decode(data) if definition is None else definition.signature.decode_output(data)

    def _on_replies(self, records: list[Record]) -> None:
        mine = self._id.encode()
        for record in records:
            if record.key != mine:
                continue
            try:
                reply = decode(record.value)
            except UnreadableRecord as error:
                send_to_dead_letters(self._log, record, str(error), wall_clock_ms)
                continue
            waiting = self._waiting.get(reply.request_id) if isinstance(reply, Reply) else None
            if waiting is not None and isinstance(reply, Reply):
                waiting.take(reply)


def _definition(workflow: Any) -> WorkflowDefinition:
    if not isinstance(workflow, Workflow):
        raise ConfigurationError(f"Expected a function with @workflow or @saga but got {workflow!r}.")
    found: WorkflowDefinition = workflow.definition
    return found
