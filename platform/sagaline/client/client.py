"""The client: connects to a namespace, starts runs and lists them.

::

    async with await Client.connect("kafka://broker:9092/orders") as client:
        handle = await client.start(fulfil_order, order, id="order-42")
        receipt = await handle.result()
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, Unpack, overload

from sagaline._log import Log, open_log
from sagaline._payloads import NO_CODECS, Payloads
from sagaline._runtime.durations import Duration
from sagaline.client import checks
from sagaline.client.attempts import OutcomesOfActivities
from sagaline.client.handle import RunHandle
from sagaline.client.link import Link
from sagaline.client.listing import Listing
from sagaline.client.messaging import DEFAULT_TIMEOUT
from sagaline.client.payloads import ClientPayloads
from sagaline.client.reads import Reads
from sagaline.client.requests import Requests
from sagaline.client.schedules import Schedules
from sagaline.client.starting import Start, begin, finish, start_request
from sagaline.client.threads import Threads
from sagaline.client.tokens import rejection_of, resolve, value_of
from sagaline.client.types import (
    ExecuteOptions,
    IdConflict,
    IdReuse,
    OnParked,
    StartOptions,
    TimeOptions,
)
from sagaline.client.with_start import UpdatesWithStart
from sagaline.handlers import SignalCall

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
R = TypeVar("R")


class Client(Listing, UpdatesWithStart, OutcomesOfActivities):
    """A connection to a namespace. Use ``await Client.connect(url)``; close it, or use it as a context manager.

    One client serves a whole program; its methods are called from the event loop on which it was connected.
    """

    def __init__(self, log: Log, payloads: Payloads) -> None:
        self._threads = Threads()
        self._requests = Requests(log)
        opened = ClientPayloads(payloads, self._threads)
        self._link = Link(self._requests, Reads(self._requests, opened, self._threads), opened)

    @classmethod
    async def connect(cls, url: str, *, payloads: Payloads = NO_CODECS) -> Client:
        """Connects to the log at ``url``; ``payloads`` as the workers have it.

        A client never makes a namespace: that is for workers and ``sagaline topics apply``. Raises
        NamespaceNotFound, ConfigurationError, LogUnavailable.
        """
        checks.instance(url, str, "a log URL as a string")
        checks.instance(payloads, Payloads, "payloads to be a Payloads object")
        client = cls(open_log(url), payloads)
        await client._requests.open()
        return client

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnects. Runs go on; calls that wait for an answer raise ClientClosed. May be called again."""
        await self._requests.close()
        self._threads.close()

    @overload
    async def start(
        self, workflow: Callable[[], Coroutine[Any, Any, R]], /, **options: Unpack[StartOptions]
    ) -> RunHandle[R]: ...
    @overload
    async def start(
        self, workflow: Callable[[A], Coroutine[Any, Any, R]], a: A, /, **options: Unpack[StartOptions]
    ) -> RunHandle[R]: ...
    @overload
    async def start(
        self, workflow: Callable[[A, B], Coroutine[Any, Any, R]], a: A, b: B, /, **options: Unpack[StartOptions]
    ) -> RunHandle[R]: ...
    @overload
    async def start(
        self,
        workflow: Callable[[A, B, C], Coroutine[Any, Any, R]],
        a: A,
        b: B,
        c: C,
        /,
        **options: Unpack[StartOptions],
    ) -> RunHandle[R]: ...
    @overload
    async def start(
        self,
        workflow: Callable[[A, B, C, D], Coroutine[Any, Any, R]],
        a: A,
        b: B,
        c: C,
        d: D,
        /,
        **options: Unpack[StartOptions],
    ) -> RunHandle[R]: ...
    async def start(
        self,
        workflow: Any,
        /,
        *args: Any,
        id: str,
        id_conflict: IdConflict = "join",
        id_reuse: IdReuse = "join",
        signal: SignalCall | None = None,
        timeout: Duration | None = DEFAULT_TIMEOUT,
        **times: Unpack[TimeOptions],
    ) -> RunHandle[Any]:
        """Starts a run and returns when it has begun. Arguments are given by position.

        Arguments:
            id: the business id, 1 to 255 bytes, such as ``"order-42"``.
            id_conflict: what happens when a run of the id is open; see IdConflict. By default a start with the same
                workflow and input is given that run, any other is refused.
            id_reuse: what happens when the newest run of the id has ended; see IdReuse.
            signal: one that the run receives with its start, as in ``signal=Order.approve.of("Ann")``: before anything
                else of it, once. A start that is answered with a run that is there sends it to that run.
            timeout: how long to wait for a worker's answer; None for as long as it takes.
            delay, run_timeout: when the run's code begins, and how long it may take; see TimeOptions.
            memo, search_attributes: see AttributeOptions.

        A call that is cancelled or times out may have started the run: make it again with the same id and arguments.

        Raises:
            InvalidInput: the arguments do not fit; the message names the field. Nothing was sent.
            RequestRefused: ``type`` says why: no worker knows the workflow ("UnknownWorkflow"), or the id is taken
                ("IdInUse", "IdUsed").
            RequestTimeout: no worker answered in time.
        """
        definition = checks.definition_of(workflow)
        payload = checks.encoded(definition, args)
        start = Start(definition.name, payload, id, "accepted", id_conflict, id_reuse, signal)
        request = start_request(self._link, start, times)
        return RunHandle(self._link, id, await begin(self._link, request, timeout), definition)

    @overload
    async def execute(
        self, workflow: Callable[[], Coroutine[Any, Any, R]], /, **options: Unpack[ExecuteOptions]
    ) -> R: ...
    @overload
    async def execute(
        self, workflow: Callable[[A], Coroutine[Any, Any, R]], a: A, /, **options: Unpack[ExecuteOptions]
    ) -> R: ...
    @overload
    async def execute(
        self, workflow: Callable[[A, B], Coroutine[Any, Any, R]], a: A, b: B, /, **options: Unpack[ExecuteOptions]
    ) -> R: ...
    @overload
    async def execute(
        self,
        workflow: Callable[[A, B, C], Coroutine[Any, Any, R]],
        a: A,
        b: B,
        c: C,
        /,
        **options: Unpack[ExecuteOptions],
    ) -> R: ...
    @overload
    async def execute(
        self,
        workflow: Callable[[A, B, C, D], Coroutine[Any, Any, R]],
        a: A,
        b: B,
        c: C,
        d: D,
        /,
        **options: Unpack[ExecuteOptions],
    ) -> R: ...
    async def execute(
        self,
        workflow: Any,
        /,
        *args: Any,
        id: str,
        id_conflict: IdConflict = "join",
        id_reuse: IdReuse = "join",
        signal: SignalCall | None = None,
        timeout: Duration | None = None,
        on_parked: OnParked = "wait",
        **times: Unpack[TimeOptions],
    ) -> Any:
        """Starts a run and waits for its result, with one request and one answer.

        Arguments, raises and what a cancelled call leaves behind are those of ``start`` and ``RunHandle.result``:
        ``timeout`` (by default none) is for the whole run. The run goes on when the call ends early.
        """
        definition = checks.definition_of(workflow)
        payload = checks.encoded(definition, args)
        start = Start(definition.name, payload, id, "closed", id_conflict, id_reuse, signal)
        request = start_request(self._link, start, times)
        return await self._link.outcome(await finish(self._link, request, timeout, on_parked), definition)

    async def start_by_name(
        self,
        workflow: str,
        /,
        *args: Any,
        id: str,
        id_conflict: IdConflict = "join",
        id_reuse: IdReuse = "join",
        timeout: Duration | None = DEFAULT_TIMEOUT,
        **times: Unpack[TimeOptions],
    ) -> RunHandle[Any]:
        """As ``start``, for a workflow whose code is not here: its worker checks the arguments, values of JSON."""
        name = checks.workflow_name(workflow)
        start = Start(name, checks.json_array(args), id, "accepted", id_conflict, id_reuse)
        request = start_request(self._link, start, times)
        return RunHandle(self._link, id, await begin(self._link, request, timeout), None)

    async def execute_by_name(
        self,
        workflow: str,
        /,
        *args: Any,
        id: str,
        id_conflict: IdConflict = "join",
        id_reuse: IdReuse = "join",
        timeout: Duration | None = None,
        on_parked: OnParked = "wait",
        **times: Unpack[TimeOptions],
    ) -> Any:
        """As ``execute``, for a workflow whose code is not here; the result is a value of JSON."""
        name = checks.workflow_name(workflow)
        start = Start(name, checks.json_array(args), id, "closed", id_conflict, id_reuse)
        request = start_request(self._link, start, times)
        return await self._link.outcome(await finish(self._link, request, timeout, on_parked), None)

    async def complete_token(
        self, token_id: str, value: Any = None, *, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> None:
        """Gives a run the value that it waits for by a token (``workflow.token``). Returns when that is on record.

        ``value`` is a value of JSON. Raises RequestRefused when somebody was first ("TokenUsed") or the run has ended
        ("RunEnded"), InvalidInput when ``token_id`` is none, RequestTimeout.
        """
        await resolve(self._link, token_id, value_of(value), checks.seconds(timeout))

    async def reject_token(
        self,
        token_id: str,
        message: str,
        *,
        type: str = "TokenRejected",
        timeout: Duration | None = DEFAULT_TIMEOUT,
    ) -> None:
        """The same with a failure: the run gets an ApplicationError with this message and type."""
        await resolve(self._link, token_id, rejection_of(message, type), checks.seconds(timeout))

    @property
    def schedules(self) -> Schedules:
        """Schedules: workflows that begin at due times."""
        return Schedules(self._link)

    def handle(self, workflow_id: str, run_id: str | None = None) -> RunHandle[Any]:
        """A run by its ids, whoever started it; without a ``run_id`` the newest of the workflow id. Nothing is sent:
        whether there is one is told by the first call of the handle."""
        checks.text_id(workflow_id)
        return RunHandle(self._link, workflow_id, "" if run_id is None else checks.text_id(run_id, "run_id"), None)
