"""Semantic locks, as a run asks for them: ``workflow.lock("account-7")``. A run of the platform keeps each lock
(``_system/locks``); it and the one that asks tell each other by signals and tokens."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Self

import msgspec

from sagaline._model import locks as protocol
from sagaline._model.limits import LOCK_NAME_BYTES, LOCKS, size
from sagaline._model.locks import Acquire, Answer, Holding, Renew, lock_id
from sagaline._runtime import checks
from sagaline._runtime.calls import ROLLING_BACK, Calls
from sagaline._runtime.durations import Duration, milliseconds
from sagaline._runtime.flags import LOCKS_ARE_ASKED_AGAIN
from sagaline._runtime.messages import outgoing, wills
from sagaline.errors import ConfigurationError, MessageError, SagalineError
from sagaline.handlers import Token
from sagaline.lock_errors import DeadlockError, LockHeld, LockLost, LockQueueFull, LockTimeout

Until = Literal["end", "block"]
_ASK_AGAIN_S, _LONGEST_PAUSE_S = 60.0, 3_600.0


@dataclass(slots=True)
class _Request:
    """One that stands at a lock: the run waits, or has it under ``answer``."""

    name: str
    id: str
    will: wills.WillId
    answer: Answer | None = None
    uses: int = 0


class SagaLock:
    """A lock that a saga, or another run, asks for and holds: ``async with workflow.lock("account-7") as lock``."""

    def __init__(self, calls: Calls, name: str, lease_ms: int | None, wait: bool | float, until: Until) -> None:
        self._calls, self.name = calls, name
        self._lease_ms, self._wait, self._until = lease_ms, wait, until
        self._request: _Request | None = None

    # What it is like

    @property
    def fencing_token(self) -> int:
        """Grows with each holder of the lock. Hand it to what you do under the lock: a participant that has seen a
        higher one refuses yours, so a run that has lost its lease does no harm. Raises LockLost when it is not held."""
        return self._held().fencing

    @property
    def held_since(self) -> datetime:
        """Since when. Raises LockLost when it is not held."""
        return datetime.fromtimestamp(self._held().since_ms / 1_000, UTC)

    @property
    def lease_until(self) -> datetime | None:
        """When the lease is over; None for one without. Raises LockLost when it is not held."""
        until_ms = self._held().until_ms
        return None if until_ms is None else datetime.fromtimestamp(until_ms / 1_000, UTC)

    @property
    def is_lost(self) -> bool:
        """True when it is not held, or its lease is over by the run's clock: then somebody else may have it, and
        ``renew`` says whether. Without a message, so it can say True of a lock that is still there."""
        request = self._request
        if request is None or request.answer is None:
            return True
        return request.answer.until_ms is not None and self._calls.now_ms >= request.answer.until_ms

    # What it does

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """A saga that is on its way to undo what it did under the lock keeps it until that is done."""
        if self._until == "block" and (error is None or not self._calls.run.workflow.is_saga):
            self.release()

    async def acquire(self) -> None:
        """As ``async with``, for code that releases it itself. A saga that has the lock already goes on at once."""
        if self._request is not None:
            raise SagalineError(f"Expected to ask for lock {self.name!r} once but this object has it: make another.")
        held = _held_by_run(self._calls, self.name)
        request = held or await self._ask()
        request.uses += 1
        self._request = request

    async def renew(self, lease: Duration | None = None) -> None:
        """Prolongs the lease, by as much as it was asked for or by ``lease``, from now on. Raises LockLost."""
        request = self._request
        lease_ms = self._lease_ms if lease is None else milliseconds(lease, "lease")
        if request is None:
            raise LockLost(self.name, "it was given back")
        token: Token[Answer] = Token(Answer)
        payload = msgspec.json.encode([Renew(request.id, token.id, lease_ms)])
        try:
            await outgoing.signal(self._calls, (lock_id(self.name), ""), "renew", payload)
        except MessageError as error:
            self._forget()
            raise LockLost(self.name, "a person has ended it") from error
        answer = await token.result()
        if answer.kind != protocol.RENEWED:
            self._forget()
            raise LockLost(self.name, "its lease was over, and the next one has it")
        request.answer = answer

    def release(self) -> None:
        """Gives it back, without waiting for that. When the saga uses it elsewhere too, the last of these uses does."""
        request, self._request = self._request, None
        if request is not None:
            request.uses -= 1
            if request.uses <= 0:
                _give_back(self._calls, request)

    def _held(self) -> Answer:
        if self._request is None or self._request.answer is None:
            raise LockLost(self.name, "it was not asked for, or was given back")
        return self._request.answer

    def _forget(self) -> None:
        """It is lost: there is nothing to give back."""
        if self._request is not None:
            _drop(self._calls, self._request)
            self._request = None

    async def _ask(self) -> _Request:
        calls = self._calls
        requests = _requests(calls)
        if len(calls.table.to_others().wills) >= LOCKS:
            raise SagalineError(
                f"Expected a run to hold, or wait for, at most {LOCKS} locks but {self.name!r} is one more."
            )
        token: Token[Answer] = Token(Answer)
        held = _names_held(calls)
        will = wills.leave(calls, lock_id(self.name), "release", msgspec.json.encode([token.id]))
        request = requests[token.id] = _Request(self.name, token.id, will)
        ask = Acquire(token.id, calls.run.chain, self._wait is not False, self._lease_ms, held)
        try:
            await self._send_and_wait(ask, token, request)
        except (LockHeld, LockQueueFull, DeadlockError, MessageError):
            _drop(calls, request)  # it was refused: nothing stands there
            raise
        except BaseException:
            _give_back(calls, request)
            raise
        for other in requests.values():
            if other.answer is None:  # a task beside this one waits: who holds what has changed
                told = msgspec.json.encode([Holding(other.id, _names_held(calls))])
                outgoing.post(calls, lock_id(other.name), "holding", told)
        return request

    async def _send_and_wait(self, ask: Acquire, token: Token[Answer], request: _Request) -> None:
        wait_s = None if isinstance(self._wait, bool) else self._wait
        timed = asyncio.timeout(wait_s)
        try:
            async with timed:
                payload = msgspec.json.encode([ask])
                await outgoing.signal(self._calls, (lock_id(self.name), ""), "acquire", payload, protocol.LOCK)
                answer = await self._answer(ask, token)
        except TimeoutError:
            if wait_s is None or not timed.expired():
                raise
            raise LockTimeout(self.name, wait_s) from None
        if answer.kind == protocol.GRANTED:
            request.answer = answer
        elif answer.kind == protocol.DEADLOCK:
            raise DeadlockError(self.name, answer.cycle)
        elif answer.kind == protocol.FULL:
            raise LockQueueFull(self.name, answer.held_by)
        else:
            raise LockHeld(self.name, answer.held_by, answer.since_ms)

    async def _answer(self, ask: Acquire, token: Token[Answer]) -> Answer:
        """Asks again, less and less often: a lock whose run a person has ended knows nothing of who has waited. The
        request begins it anew, or is known there."""
        calls = self._calls
        if LOCKS_ARE_ASKED_AGAIN not in calls.run.flags:
            return await token.result()
        waiting, pause_s = asyncio.ensure_future(token.result()), _ASK_AGAIN_S
        try:
            while not (await asyncio.wait([waiting], timeout=pause_s))[0]:
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                again = msgspec.json.encode([msgspec.structs.replace(ask, holds=_names_held(calls))])
                await outgoing.signal(calls, (lock_id(self.name), ""), "acquire", again, protocol.LOCK)
            return waiting.result()
        finally:
            waiting.cancel()


def lock_of(calls: Calls, name: object, lease: Duration | None, wait: object, until: object) -> SagaLock:
    """``workflow.lock`` with its arguments checked. Raises ConfigurationError."""
    if not isinstance(name, str) or not name.isprintable() or not 0 < size(name) <= LOCK_NAME_BYTES:
        raise ConfigurationError(
            f"Expected the name of a lock to be 1 to {LOCK_NAME_BYTES} bytes of printable text but got "
            f"{checks.shown(name)}."
        )
    if until is None:
        until = "end" if calls.run.workflow.is_saga else "block"
    if until not in ("end", "block"):
        raise ConfigurationError(f"Expected until to be 'end' or 'block' but got {checks.shown(until)}.")
    waits = wait if isinstance(wait, bool) else milliseconds(wait, "wait") / 1_000  # type: ignore[arg-type]
    lease_ms = None if lease is None else milliseconds(lease, "lease")
    return SagaLock(calls, name, lease_ms, waits, "end" if until == "end" else "block")


def _requests(calls: Calls) -> dict[str, _Request]:
    """Those of the run that stand, by id."""
    return calls.table.to_others().locks


def _names_held(calls: Calls) -> tuple[str, ...]:
    """The locks that the saga holds, also by requests of the runs that it goes on from."""
    waiting = {request.will for request in _requests(calls).values() if request.answer is None}
    targets = (target for will, target in calls.table.to_others().wills.items() if will not in waiting)
    names = (protocol.lock_name(target) for target in targets)
    return tuple(dict.fromkeys(name for name in names if name is not None))


def _held_by_run(calls: Calls, name: str) -> _Request | None:
    """One of the run that has the lock until it gives it back: the lock need not be asked again."""
    for request in _requests(calls).values():
        if request.name == name and request.answer is not None and request.answer.until_ms is None:
            return request
    return None


def _give_back(calls: Calls, request: _Request) -> None:
    """The lock is told so, whether it was granted, waits, or is yet to come. Where that cannot be sent, as while a saga
    rolls back, the run's end says it."""
    if request.id in _requests(calls) and calls.phase != ROLLING_BACK:
        if outgoing.post(calls, lock_id(request.name), "release", msgspec.json.encode([request.id])):
            _drop(calls, request)


def _drop(calls: Calls, request: _Request) -> None:
    """Nothing of it stands at the lock any more."""
    if _requests(calls).pop(request.id, None) is not None:
        wills.withdraw(calls, request.will)
