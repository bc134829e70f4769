"""Updates that begin their run, if it has not begun: one request for both."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar, TypeVarTuple, Unpack, overload

import msgspec

from sagaline._model.records import Reply, StartRun, UpdateRun
from sagaline._runtime.definitions import WorkflowDefinition
from sagaline._runtime.durations import Duration
from sagaline._runtime.handlers import UPDATE
from sagaline.client import checks, starting
from sagaline.client.handle import RunHandle
from sagaline.client.link import Link
from sagaline.client.messages import named
from sagaline.client.messaging import DEFAULT_TIMEOUT
from sagaline.client.requests import new_id
from sagaline.client.types import IdConflict, IdReuse, WithStartOptions
from sagaline.client.updates import Sent, UpdateHandle, answer_in, definition_of
from sagaline.errors import RequestRefused
from sagaline.handlers import UpdateHandler

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class WithStart(Generic[R]):
    """A run that begins with an update of it, if it is not there: ``client.with_start(Basket.run, "Bob", id="b-1")``.

    Each call is one request. First the names and arguments of both are checked: what does not fit begins nothing. Then
    the run begins, or one that is there is joined, and then it is updated. A run that has begun stays when its
    validator refuses the update.
    """

    def __init__(self, link: Link, start: StartRun, definition: WorkflowDefinition) -> None:
        self._link, self._start, self._definition = link, start, definition
        self._run_id = ""

    @property
    def handle(self) -> RunHandle[R]:
        """The run: that of the last answer, also when the update was refused or has failed. Before there is an answer,
        and when nothing began, it means the newest of the workflow id."""
        return RunHandle(self._link, self._start.workflow_id, self._run_id, self._definition)

    @overload
    async def start_update(
        self,
        update: UpdateHandler[A, *Ts],
        /,
        *args: *Ts,
        id: str | None = None,
        timeout: Duration | None = DEFAULT_TIMEOUT,
    ) -> UpdateHandle[A]: ...
    @overload
    async def start_update(
        self, update: str, /, *args: Any, id: str | None = None, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> UpdateHandle[Any]: ...
    async def start_update(  # type: ignore[misc]  # mypy does not see that *args takes any *Ts
        self, update: Any, /, *args: Any, id: str | None = None, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> UpdateHandle[Any]:
        """As ``execute_update``, but returns when the update is accepted: on record, with its handler at work."""
        request = self._request(update, args, id, "accepted")
        reply = await self._ask(request, timeout)
        known = UpdateRun(  # by its id: what it was called with is not read again
            new_id(),
            request.workflow_id,
            request.update_id,
            request.update,
            b"[]",
            request.reply_to,
            request.reply_partition,
            reply.run_id,
        )
        return UpdateHandle(Sent(self._link, known, definition_of(update)), reply.run_id)

    @overload
    async def execute_update(
        self, update: UpdateHandler[A, *Ts], /, *args: *Ts, id: str | None = None, timeout: Duration | None = None
    ) -> A: ...
    @overload
    async def execute_update(
        self, update: str, /, *args: Any, id: str | None = None, timeout: Duration | None = None
    ) -> Any: ...
    async def execute_update(  # type: ignore[misc]  # mypy does not see that *args takes any *Ts
        self, update: Any, /, *args: Any, id: str | None = None, timeout: Duration | None = None
    ) -> Any:
        """Begins the run if need be, calls a handler of it and returns its answer: ``total = await client.with_start(
        Basket.run, "Bob", id="b-1").execute_update(Basket.add, item, id="add-1")``.

        Arguments:
            update: a method with ``@workflow.update``, or a name with arguments that are values of JSON.
            id: under it all of this counts once: when a run of the workflow id has accepted the update before, nothing
                begins or ends, and the answer is the one of that time. By default each call is an update.
            timeout: how long to wait; by default as long as it takes.

        A call that is cancelled or times out may have been handled: make it again with the same ids and arguments.

        Raises:
            UpdateError: the handler has failed, or the run has ended before it answered ("RunEnded").
            InvalidInput: the arguments do not fit; the message names the field. Nothing was sent.
            RequestRefused: ``type`` says why: a reason for which ``Client.start`` or ``RunHandle.execute_update`` is
                refused. ``run_id`` is empty when nothing has begun, else it is the run that has refused the update.
            RequestTimeout: it was not answered in time.
        """
        request = self._request(update, args, id, "completed")
        reply = await self._ask(request, timeout)
        return await answer_in(reply, self._link, request.update_id, definition_of(update))

    def _request(self, update: object, args: tuple[Any, ...], update_id: str | None, reply_when: str) -> StartRun:
        name, payload = named(update, args, UPDATE)
        request_id = new_id()
        return msgspec.structs.replace(
            self._start,
            request_id=request_id,
            reply_when=reply_when,
            update=name,
            update_id=request_id if update_id is None else checks.text_id(update_id, "the id of an update"),
            update_input=payload,
        )

    async def _ask(self, request: StartRun, timeout: Duration | None) -> Reply:
        try:
            reply = await starting.update(self._link, request, checks.seconds(timeout))
        except RequestRefused as refusal:
            self._run_id = refusal.run_id or self._run_id
            raise
        self._run_id = reply.run_id
        return reply


class UpdatesWithStart:
    """The part of a client that makes them."""

    _link: Link

    @overload
    def with_start(
        self, workflow: Callable[[], Coroutine[Any, Any, R]], /, **options: Unpack[WithStartOptions]
    ) -> WithStart[R]: ...
    @overload
    def with_start(
        self, workflow: Callable[[A], Coroutine[Any, Any, R]], a: A, /, **options: Unpack[WithStartOptions]
    ) -> WithStart[R]: ...
    @overload
    def with_start(
        self, workflow: Callable[[A, B], Coroutine[Any, Any, R]], a: A, b: B, /, **options: Unpack[WithStartOptions]
    ) -> WithStart[R]: ...
    @overload
    def with_start(
        self,
        workflow: Callable[[A, B, C], Coroutine[Any, Any, R]],
        a: A,
        b: B,
        c: C,
        /,
        **options: Unpack[WithStartOptions],
    ) -> WithStart[R]: ...
    @overload
    def with_start(
        self,
        workflow: Callable[[A, B, C, D], Coroutine[Any, Any, R]],
        a: A,
        b: B,
        c: C,
        d: D,
        /,
        **options: Unpack[WithStartOptions],
    ) -> WithStart[R]: ...
    def with_start(
        self,
        workflow: Any,
        /,
        *args: Any,
        id: str,
        id_conflict: IdConflict = "join",
        id_reuse: IdReuse = "join",
        run_timeout: Duration | None = None,
    ) -> WithStart[Any]:
        """A run that is to begin with an update: call ``execute_update`` or ``start_update`` of what is returned.
        Nothing is sent before that.

        Arguments and what is raised are those of ``start``. There is no ``delay``: an update needs the run's code.
        """
        definition = checks.definition_of(workflow)
        payload = checks.encoded(definition, args)
        start = starting.Start(definition.name, payload, id, "completed", id_conflict, id_reuse)
        request = starting.start_request(self._link, start, {"run_timeout": run_timeout})
        return WithStart(self._link, request, definition)
