"""Proof that no zombie answers: nobody else can have owned the partition when the request came.

It is proven by an append that was sent after it and acknowledged in sequence, or, when nothing is written, by one
look at the end of history that all waiting requests share (read index, Raft dissertation section 6.4, with claims in
the place of terms).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Generic, TypeVar

from sagaline._host.partition.guard import Guard, describe
from sagaline._host.publishing.backoff import wait_s

_log = logging.getLogger("sagaline.reads")
_LOOK_UP_S = 30.0
T = TypeVar("T")


class ReadIndex(Generic[T]):
    """Requests that wait for their proof.

    ``end_offset`` looks up the end of history. Whatever it raises, it is asked again, with backoff: requests wait
    meanwhile. ``next_offset`` is up to where this owner has seen history, ``answer`` takes what is proven.
    """

    def __init__(
        self,
        end_offset: Callable[[], Awaitable[int]],
        next_offset: Callable[[], int],
        answer: Callable[[T], None],
        guard: Guard,
    ) -> None:
        self._end_offset, self._next_offset, self._answer, self._guard = end_offset, next_offset, answer, guard
        self._unproven: deque[tuple[int, T]] = deque()  # with the append whose acknowledgement proves them
        self._asked: list[T] = []
        self._being_looked_up: list[T] = []
        self._looked_up: deque[tuple[int, list[T]]] = deque()  # with the offset that has to be reached
        self._look_up: asyncio.Task[None] | None = None

    def ask(self, request: T, next_append: int, idle: bool) -> None:
        """Takes a request. ``next_append`` is the number of the next append: its acknowledgement is the proof."""
        if not idle:
            self._unproven.append((next_append, request))
            return
        self._asked.append(request)
        if self._look_up is None:
            self._look_up = self._guard.task(self._look(), "read index")

    def proven(self, acknowledged: int, idle: bool) -> None:
        """``acknowledged`` appends are in sequence and their rows are in the store."""
        while self._unproven and self._unproven[0][0] <= acknowledged:
            self._answer(self._unproven.popleft()[1])
        self._answer_looked_up()
        if idle and self._unproven:  # nothing more is written: look instead
            waiting, self._unproven = self._unproven, deque()
            for _, request in waiting:
                self.ask(request, 0, idle=True)

    async def _look(self) -> None:
        failures = 0
        while self._asked:
            asked = self._being_looked_up = self._asked
            self._asked = []
            try:
                async with asyncio.timeout(_LOOK_UP_S):
                    end = await self._end_offset()
            except Exception as error:
                self._asked, self._being_looked_up = asked + self._asked, []
                failures += 1
                delay_s = wait_s(failures)
                _log.warning(
                    "%d reads wait: the end of history could not be looked up (%s: %s); trying again in %g s",
                    len(self._asked),
                    type(error).__name__,
                    describe(error),
                    delay_s,
                )
                await asyncio.sleep(delay_s)
                continue
            failures = 0
            self._being_looked_up = []
            self._looked_up.append((end, asked))
            self._answer_looked_up()
        self._look_up = None

    def _answer_looked_up(self) -> None:
        while self._looked_up and self._looked_up[0][0] <= self._next_offset():
            for request in self._looked_up.popleft()[1]:
                self._answer(request)

    def __iter__(self) -> Iterator[T]:
        """All that wait."""
        for _, request in self._unproven:
            yield request
        yield from self._asked
        yield from self._being_looked_up
        for _, asked in self._looked_up:
            yield from asked

    def close(self) -> None:
        """Answers nothing more."""
        if self._look_up is not None:
            self._look_up.cancel()
        self._unproven.clear()
        self._asked.clear()
        self._looked_up.clear()
