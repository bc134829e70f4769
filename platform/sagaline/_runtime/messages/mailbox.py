"""A run's mailbox: messages go to the handlers of its object, or signals wait until its function asks for them.

Messages that come before the object is made wait for it. After that each handler begins in the activation in which its
message came, in order, before anything else of that activation; while a saga undoes its steps none begins any more.
What a channel holds stays there until it is handed over: a ``receive`` that is cancelled or times out takes nothing
with it.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, Protocol

from sagaline._model.events import UpdateCompleted
from sagaline._model.limits import TOKENS
from sagaline._runtime.commands import Commands
from sagaline._runtime.endings import failure_from
from sagaline._runtime.handlers import HandlerDefinition
from sagaline._runtime.phases import FORWARD
from sagaline._runtime.run import RunInfo
from sagaline.errors import FailureError, InvalidOutput, PayloadTooLarge

_NAMES_SHOWN = 10
_FAILURES = (FailureError, TimeoutError, InvalidOutput, PayloadTooLarge)


class MailboxLoop(Protocol):
    """What a mailbox needs of its run's loop."""

    broken: BaseException | None
    commands: Commands
    phase: str
    run: RunInfo

    def create_future(self) -> asyncio.Future[Any]: ...

    def create_task(self, coro: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]: ...

    def make_ready(self, handle: asyncio.Handle) -> None: ...


class _Waiting(NamedTuple):
    number: int  # 0 for an update
    handler: HandlerDefinition
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    update_id: str = ""


class _Channel:
    """Signals of one name, in order, and those who wait for the next."""

    __slots__ = ("getters", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[tuple[int, Any]] = deque()
        self.getters: deque[asyncio.Future[None]] = deque()

    def wake(self) -> None:
        """The next of those who wait goes on."""
        while self.getters:
            getter = self.getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return


class Mailbox:
    """``handled``: numbers of the signals that the code has begun to handle in this activation."""

    def __init__(self, loop: MailboxLoop, encode: Callable[[HandlerDefinition, Any], bytes]) -> None:
        self._loop, self._encode = loop, encode
        self.receiver: object | None = None
        self._early: list[_Waiting] = []
        self._channels: dict[str, _Channel] = {}
        self._received = 0
        self._tokens = 0
        self.handled: list[int] = []
        self.running: dict[asyncio.Task[Any], str] = {}

    # What jobs do

    def receive_signal(self, handler: HandlerDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A signal has come."""
        self._received += 1
        if handler.is_channel:
            channel = self._channel(handler.name)
            channel.waiting.append((self._received, args[0]))
            channel.wake()
        else:
            self._begin_or_wait(_Waiting(self._received, handler, args, kwargs))

    def receive_update(
        self, handler: HandlerDefinition, update_id: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """An update is accepted."""
        self._begin_or_wait(_Waiting(0, handler, args, kwargs, update_id))

    def _begin_or_wait(self, waiting: _Waiting) -> None:
        if self.receiver is None or self._loop.phase != FORWARD:
            self._early.append(waiting)
        else:
            self._begin(self.receiver, waiting)

    # What the code does

    def open(self, receiver: object) -> bool:
        """The run's object is there: signals that waited for it are handled. True when there were some."""
        self.receiver = receiver
        early, self._early = self._early, []
        for waiting in early:
            self._begin(receiver, waiting)
        return bool(early)

    async def receive(self, name: str) -> Any:
        """The next signal of a channel, when it has come."""
        channel = self._channel(name)
        while not channel.waiting:
            getter: asyncio.Future[None] = self._loop.create_future()
            channel.getters.append(getter)
            try:
                await getter
            except BaseException:
                if getter in channel.getters:
                    channel.getters.remove(getter)
                elif channel.waiting:  # it was woken, and somebody else is to have it
                    channel.wake()
                raise
        return self.take(name)

    def take(self, name: str) -> Any:
        """The next signal of a channel. Raises IndexError when none waits."""
        channel = self._channel(name)
        number, value = channel.waiting.popleft()
        self.handled.append(number)
        return value

    def next_token(self) -> int:
        """The number of a new token. What resolves one that the run before a reset has made behind that event reaches
        the run that the reset has begun, too: there no token of its own has that number."""
        self._tokens = max(self._tokens, len(self._loop.run.copied) * TOKENS) + 1
        return self._tokens

    def waiting(self, name: str) -> int:
        """How many signals wait in a channel."""
        channel = self._channels.get(name)
        return 0 if channel is None else len(channel.waiting)

    def _channel(self, name: str) -> _Channel:
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = _Channel()
        return channel

    def left(self) -> str:
        """What the run leaves behind when it ends now, in words: handlers at work, signals that nobody has handled."""
        parts: list[str] = []
        if self.running:
            parts.append(f"handlers at work: {_counted(self.running.values())}")
        waiting = [early.handler.name or early.handler.kind for early in self._early if early.number]
        for name, channel in self._channels.items():
            waiting += [name] * len(channel.waiting)
        if waiting:
            parts.append(f"signals that were not handled: {_counted(waiting)}")
        return "; ".join(parts)

    def take_handled(self) -> tuple[int, ...]:
        """Numbers of the signals that the code has begun to handle since the last call."""
        handled, self.handled = self.handled, []
        return tuple(handled)

    # Handlers

    def _begin(self, receiver: object, waiting: _Waiting) -> None:
        handler = waiting.handler
        if waiting.number:
            self.handled.append(waiting.number)
        if waiting.update_id:
            self._run(handler, self._answered(receiver, waiting))
        elif handler.is_async:
            self._run(handler, self._guarded(handler.fn(receiver, *waiting.args, **waiting.kwargs)))
        else:
            call = partial(handler.fn, receiver, *waiting.args, **waiting.kwargs)
            self._loop.make_ready(asyncio.Handle(call, (), self._loop))  # type: ignore[arg-type]  # it is one

    async def _guarded(self, call: Coroutine[Any, Any, Any]) -> None:
        """A signal has nobody to be told: what its handler raises is a bug, unless the handler was cancelled."""
        try:
            await call
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._loop.broken = self._loop.broken or error

    def _run(self, handler: HandlerDefinition, code: Coroutine[Any, Any, None]) -> None:
        name = f"{handler.kind} {handler.name}"
        task = self._loop.create_task(code, name=name)
        self.running[task] = name
        task.add_done_callback(self._forget)

    async def _answered(self, receiver: object, waiting: _Waiting) -> None:
        """A failure of the handler is its asker's matter; any other exception is a bug."""
        handler, update_id = waiting.handler, waiting.update_id
        try:
            value = handler.fn(receiver, *waiting.args, **waiting.kwargs)
            payload = self._encode(handler, await value if handler.is_async else value)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if isinstance(error, (*_FAILURES, *self._loop.run.workflow.failure_types)):
                self._loop.commands.add(UpdateCompleted(update_id, b"null", failure_from(error)))
            else:
                self._loop.broken = self._loop.broken or error
        else:
            self._loop.commands.add(UpdateCompleted(update_id, payload))

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self.running.pop(task, None)

    def clear(self) -> None:
        """Drops what refers back to the run's loop."""
        self._channels.clear()
        self.running.clear()
        self._early.clear()


def _counted(names: Iterable[str]) -> str:
    counts = Counter(names)
    shown = [name if count == 1 else f"{name} ({count} times)" for name, count in islice(counts.items(), _NAMES_SHOWN)]
    return ", ".join(shown) + (", ..." if len(counts) > _NAMES_SHOWN else "")
