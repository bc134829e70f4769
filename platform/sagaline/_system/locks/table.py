"""Who has a lock and who waits for it: decisions alone, no workflow. The same requests in the same order lead to the
same state; a request that comes twice counts once.
"""

from __future__ import annotations

from typing import NamedTuple

from sagaline._model.limits import LOCK_QUEUE_BYTES, LOCK_WAITERS
from sagaline._model.locks import (
    FULL,
    GRANTED,
    HELD,
    LOST,
    RENEWED,
    Acquire,
    Answer,
    Confirm,
    Holder,
    Holding,
    LockState,
    Probe,
    Renew,
    Waiter,
    asked_by,
)

_GIVEN_BACK = 100
"""Requests that were given back before they came, which the lock remembers."""


class Said(NamedTuple):
    """What the lock has to say: an answer to a request, or a word to another lock."""

    to: str
    what: Answer | Probe | Confirm


class LockTable:
    """``said`` is what is to leave since it was last taken. Invariant: nobody waits for a lock that nobody holds."""

    def __init__(self, name: str, state: LockState) -> None:
        self.name, self.state = name, state
        self.said: list[Said] = []

    def take_said(self) -> list[Said]:
        """What is to leave, in order."""
        said, self.said = self.said, []
        return said

    # What it is asked

    def acquire(self, ask: Acquire, now_ms: int) -> Waiter | None:
        """Granted, refused, or in the queue: then what waits is returned."""
        self.expire(now_ms)
        state, holder = self.state, self.state.holder
        if ask.request in state.given_back:
            state.given_back.remove(ask.request)
            return None
        if self.waiter(ask.request) is not None or (holder is not None and ask.request in holder.requests):
            return None
        waiter = Waiter(ask.request, ask.chain, now_ms, ask.lease_ms, ask.holds)
        if holder is None:
            self._give(waiter, now_ms)
        elif holder.chain == ask.chain:
            self._join(holder, waiter, now_ms)
        elif not ask.waits:
            self._refuse(ask.request, HELD, holder)
        elif self._is_full(waiter):
            self._refuse(ask.request, FULL, holder)
        else:
            state.waiters.append(waiter)
            return waiter
        return None

    def release(self, request: str, now_ms: int) -> None:
        """A request is given back, whatever has become of it; also one that is yet to come."""
        state, holder = self.state, self.state.holder
        waiter = self.waiter(request)
        if waiter is not None:
            state.waiters.remove(waiter)
        elif holder is not None and request in holder.requests:
            del holder.requests[request]
            if not holder.requests:
                self.hand_over(now_ms)
        elif request not in state.given_back:
            state.given_back = [*state.given_back, request][-_GIVEN_BACK:]

    def renew(self, ask: Renew, now_ms: int) -> None:
        """A lease that is over is renewed as long as nobody else has the lock."""
        self.expire(now_ms)
        holder = self.state.holder
        if holder is None or ask.request not in holder.requests:
            self.said.append(Said(ask.token, Answer(LOST)))
            return
        holder.until_ms = None if ask.lease_ms is None else max(holder.until_ms or 0, now_ms + ask.lease_ms)
        self.said.append(Said(ask.token, Answer(RENEWED, holder.fencing, holder.since_ms, holder.until_ms)))

    def holds_more(self, holding: Holding) -> Waiter | None:
        """A request that waits, when it has told which other locks its saga has got meanwhile."""
        waiter = self.waiter(holding.request)
        if waiter is not None:
            waiter.holds = holding.holds
        return waiter

    def arrived(self, request: str) -> None:
        """The holder knows that it has the lock."""
        holder = self.state.holder
        if holder is not None and request in holder.requests:
            holder.requests[request] = True

    # What time brings

    @property
    def due_ms(self) -> int | None:
        """When the holder's lease is over, if somebody waits for that."""
        holder = self.state.holder
        return holder.until_ms if holder is not None and self.state.waiters else None

    def expire(self, now_ms: int) -> None:
        """A lease that is over ends when somebody waits for it."""
        due_ms = self.due_ms
        if due_ms is not None and due_ms <= now_ms:
            self.hand_over(now_ms)

    def is_idle(self, now_ms: int) -> bool:
        """Nobody has it, and whoever has it next, in a later run, gets a higher number."""
        return self.state.holder is None and now_ms > self.state.fencing

    def repeat_grants(self) -> None:
        """The run before has gone on before it knew that these had arrived."""
        holder = self.state.holder
        if holder is not None:
            for request in [request for request, arrived in holder.requests.items() if not arrived]:
                self._grant(holder, request)

    # Within

    def waiter(self, request: str) -> Waiter | None:
        """A request that waits."""
        return next((waiter for waiter in self.state.waiters if waiter.request == request), None)

    def hand_over(self, now_ms: int) -> None:
        """The lock is the next one's, with all that this one asks for."""
        self.state.holder = None
        if self.state.waiters:
            self._give(self.state.waiters.pop(0), now_ms)

    def refuse_waiter(self, waiter: Waiter, answer: Answer) -> None:
        """A request waits no more."""
        self.state.waiters.remove(waiter)
        self.said.append(Said(waiter.request, answer))

    def _give(self, waiter: Waiter, now_ms: int) -> None:
        """Numbers grow with each hand-over; they begin behind the time, so that those of a later run are higher."""
        state = self.state
        state.fencing = max(state.fencing + 1, now_ms)
        until_ms = None if waiter.lease_ms is None else now_ms + waiter.lease_ms
        state.holder = holder = Holder(waiter.chain, state.fencing, now_ms, until_ms, {waiter.request: False})
        self._grant(holder, waiter.request)
        for other in [other for other in state.waiters if other.chain == waiter.chain]:
            state.waiters.remove(other)
            self._join(holder, other, now_ms)

    def _join(self, holder: Holder, waiter: Waiter, now_ms: int) -> None:
        """The same saga asks once more: it has the lock, under the same number, until its last lease is over."""
        holder.requests[waiter.request] = False
        if waiter.lease_ms is None:
            holder.until_ms = None
        elif holder.until_ms is not None:
            holder.until_ms = max(holder.until_ms, now_ms + waiter.lease_ms)
        self._grant(holder, waiter.request)

    def _grant(self, holder: Holder, request: str) -> None:
        self.said.append(Said(request, Answer(GRANTED, holder.fencing, holder.since_ms, holder.until_ms)))

    def _refuse(self, request: str, kind: str, holder: Holder) -> None:
        self.said.append(Said(request, Answer(kind, 0, holder.since_ms, holder.until_ms, self.held_by)))

    @property
    def held_by(self) -> str:
        """Workflow id of the holder."""
        holder = self.state.holder
        return "" if holder is None else asked_by(next(iter(holder.requests)))

    def _is_full(self, waiter: Waiter) -> bool:
        waiters = [*self.state.waiters, waiter]
        return len(waiters) > LOCK_WAITERS or sum(map(_weight, waiters)) > LOCK_QUEUE_BYTES


def _weight(waiter: Waiter) -> int:
    return 150 + 2 * len(waiter.request) + 2 * sum(map(len, waiter.holds))
