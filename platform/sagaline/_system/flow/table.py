"""Who has the slots of a limit and who waits: decisions alone, no workflow. The same requests in the same order, at the
same times, lead to the same state; a request that comes twice counts once.

Order: priority, then the group whose turn it is (start-time fair queueing, each grant costs its group one), then order
of arrival. A group that has its share lets others pass. A rate is a bucket: ``next_us`` is when it is full again, and a
grant is due as long as that is less than ``burst - 1`` intervals ahead, so no stretch of time has more than ``burst``
and what the rate gives meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from sagaline._model.flow import FULL, GRANTED, Ask, FlowState, FlowWaiter, Slot
from sagaline._model.limits import FLOW_QUEUE_BYTES, FLOW_SLOTS, FLOW_WAITERS

_GIVEN_BACK = 200
"""Requests that were given back before they came, which the limit remembers."""
_BATCH_US = 50_000
"""A quick rate grants those of so long together: one activation, not one each."""


class Reply(NamedTuple):
    """An answer that is to leave."""

    request: str
    kind: str


class FlowTable:
    """``replies`` are to leave since they were last taken."""

    def __init__(self, state: FlowState) -> None:
        self.state = state
        self.replies: list[Reply] = []
        self._groups = Counter(slot.group for slot in state.slots.values())
        self._bytes = sum(map(_weight, state.waiters))

    def take_replies(self) -> list[Reply]:
        """What is to leave, in order."""
        replies, self.replies = self.replies, []
        return replies

    # What it is asked

    def ask(self, ask: Ask, now_ms: int) -> None:
        """In the queue, or told to come again. Who has asked last says what the limit allows."""
        state = self.state
        state.rules = ask.rules
        if ask.request in state.given_back:
            state.given_back.remove(ask.request)
            return
        if ask.request in state.slots or self._waiter(ask.request) is not None:
            return
        waiter = FlowWaiter(ask.request, now_ms, ask.group, ask.priority)
        if self._is_full(waiter):
            self.replies.append(Reply(ask.request, FULL))
            return
        state.turns.setdefault(ask.group, state.turn)
        state.waiters.append(waiter)
        self._bytes += _weight(waiter)

    def release(self, request: str) -> None:
        """A request is given back, whatever has become of it; also one that is yet to come."""
        state = self.state
        if request in state.slots:
            self._free(request)
        elif (waiter := self._waiter(request)) is not None:
            self._take_out(waiter)
            self._forget(waiter.group)
        elif request not in state.given_back:
            state.given_back = [*state.given_back, request][-_GIVEN_BACK:]

    def arrived(self, request: str) -> None:
        """Its run knows that it was granted; of a rate nothing is to be given back."""
        slot = self.state.slots.get(request)
        if slot is not None and self._is_rate:
            self._free(request)
        elif slot is not None:
            slot.arrived = True

    def grant(self, now_ms: int) -> None:
        """Whoever may begin does, in order."""
        while (waiter := self._next(now_ms)) is not None:
            self._give(waiter, now_ms)

    # What time brings

    def due_ms(self, now_ms: int) -> int | None:
        """When the rate lets another begin that waits; None when nobody waits for that."""
        state, rules = self.state, self.state.rules
        if not state.waiters or not rules.interval_us or self._is_due(now_ms) or self._pick() is None:
            return None
        together = min(len(state.waiters), rules.burst, max(1, _BATCH_US // rules.interval_us))
        due_us = state.next_us + (together - rules.burst) * rules.interval_us
        return -(-due_us // 1_000)

    def is_idle(self, now_ms: int) -> bool:
        """Nobody has anything of it, and it may be forgotten what was had."""
        state = self.state
        return not state.slots and not state.waiters and state.next_us < now_ms * 1_000

    def repeat_grants(self) -> None:
        """The run before has gone on before it knew that these had arrived."""
        self.replies += [Reply(request, GRANTED) for request, slot in self.state.slots.items() if not slot.arrived]

    def in_order(self) -> Iterator[FlowWaiter]:
        """Those that wait, as they would be served if there were room for all."""
        counts: Counter[str] = Counter()
        placed: list[tuple[int, int, int, FlowWaiter]] = []
        for place, waiter in enumerate(sorted(self.state.waiters, key=lambda one: one.priority)):
            turn = self.state.turns.get(waiter.group, 0) + counts[waiter.group]
            counts[waiter.group] += 1
            placed.append((waiter.priority, turn, place, waiter))
        return (waiter for *_, waiter in sorted(placed, key=lambda one: one[:3]))

    # Within

    @property
    def _is_rate(self) -> bool:
        return self.state.rules.interval_us > 0

    def _waiter(self, request: str) -> FlowWaiter | None:
        return next((waiter for waiter in self.state.waiters if waiter.request == request), None)

    def _is_due(self, now_ms: int) -> bool:
        rules = self.state.rules
        return self.state.next_us <= now_ms * 1_000 + (rules.burst - 1) * rules.interval_us

    def _next(self, now_ms: int) -> FlowWaiter | None:
        state, rules = self.state, self.state.rules
        if not state.waiters or len(state.slots) >= FLOW_SLOTS or (rules.interval_us and not self._is_due(now_ms)):
            return None
        return None if rules.total and len(state.slots) >= rules.total else self._pick()

    def _pick(self) -> FlowWaiter | None:
        limit, turns = self.state.rules.limit, self.state.turns
        best: FlowWaiter | None = None
        least = (0, 0)
        for waiter in self.state.waiters:
            rank = (waiter.priority, turns[waiter.group])
            if (best is None or rank < least) and not (limit and self._groups[waiter.group] >= limit):
                best, least = waiter, rank
        return best

    def _give(self, waiter: FlowWaiter, now_ms: int) -> None:
        state, rules = self.state, self.state.rules
        self._take_out(waiter)
        state.slots[waiter.request] = Slot(now_ms, waiter.group)
        self._groups[waiter.group] += 1
        state.turn = max(state.turn, state.turns[waiter.group])
        state.turns[waiter.group] = state.turn + 1
        if rules.interval_us:
            state.next_us = max(state.next_us, now_ms * 1_000) + rules.interval_us
        self.replies.append(Reply(waiter.request, GRANTED))

    def _free(self, request: str) -> None:
        slot = self.state.slots.pop(request)
        self._groups[slot.group] -= 1
        self._forget(slot.group)

    def _forget(self, group: str) -> None:
        """A group that has nothing and waits for nothing begins anew when it comes again."""
        if not self._groups[group] and all(waiter.group != group for waiter in self.state.waiters):
            del self._groups[group]
            self.state.turns.pop(group, None)

    def _is_full(self, waiter: FlowWaiter) -> bool:
        return len(self.state.waiters) >= FLOW_WAITERS or self._bytes + _weight(waiter) > FLOW_QUEUE_BYTES

    def _take_out(self, waiter: FlowWaiter) -> None:
        self.state.waiters.remove(waiter)
        self._bytes -= _weight(waiter)


def _weight(waiter: FlowWaiter) -> int:
    return 100 + 2 * len(waiter.request) + 4 * len(waiter.group)
