"""Asks the partitions whose runs have sent something whether they may send it again, before it is forgotten here.

What a run has received dies with it: a request that comes again later is a new one, and a child would run a second
time. So a run that was begun by another, or was sent something by one, is retired only when the other's partition has
said, to a question that was asked after the run had ended, that nothing it had sent by then will leave again
(docs/decisions/0074). An answer holds for everything that had ended here when it was asked for, so one question serves
all runs that have ended by then: a partition is asked about once in the time for which runs are kept. What an owner
before has published may still be on its way then, so an answer counts when that must have landed.

A partition that does not answer has no owner, or one of an earlier version: what it has sent stays known here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sagaline._host.partition.progress import Progress
from sagaline._host.publishing.backoff import wait_s
from sagaline._log import COMMANDS, Log
from sagaline._model.codec import encode
from sagaline._model.keys import partition_of
from sagaline._model.records import DEPARTURES, ReadRun, Reply

_log = logging.getLogger("sagaline.retention")
_AGAIN_S = 5.0
_TOLD_AFTER_S = 60.0
RefusalsNumber = tuple[int, int]
"""Epoch and number of a record of refusals."""


class _Mark(NamedTuple):
    """What had happened here when a question was asked, in the order of history."""

    next_offset: int
    refusals: RefusalsNumber


@dataclass
class _Question:
    """One that has no answer yet."""

    request_id: str
    mark: _Mark
    since_s: float
    again_s: float
    told_s: float
    times: int = 0


class Senders:
    """Of one owner of partition ``number``: what another has been told is asked for anew."""

    def __init__(self, number: int, epoch: int, log: Log, progress: Progress, in_flight_s: float) -> None:
        self._number, self._epoch, self._log, self._progress = number, epoch, log, progress
        self._in_flight_s = in_flight_s
        self._loop = asyncio.get_running_loop()
        self._open: dict[int, _Question] = {}
        self._answered: dict[int, tuple[float, _Mark]] = {}  # with the time from when they count
        self._marks: dict[int, _Mark] = {}
        self._asked = 0

    def may_forget_run(self, senders: Iterable[str], offset: int) -> bool:
        """Whether none of these workflow ids can repeat what it has sent to a run, whose last record stands at
        ``offset``. If that is not known, it is asked for."""
        return self._all_have(senders, lambda mark: offset < mark.next_offset)

    def may_forget_refusals(self, senders: Iterable[str], record: RefusalsNumber) -> bool:
        """The same for what a record has refused."""
        return self._all_have(senders, lambda mark: record < mark.refusals)

    def on_reply(self, reply: Reply) -> None:
        """An answer has come; one to a question of an owner before says nothing here."""
        for partition, question in self._open.items():
            if question.request_id == reply.request_id:
                del self._open[partition]
                self._answered[partition] = self._loop.time() + self._in_flight_s, question.mark
                return

    def unanswered(self) -> dict[int, float]:
        """Seconds for which partitions have not answered."""
        return {number: self._loop.time() - question.since_s for number, question in self._open.items()}

    def _all_have(self, senders: Iterable[str], is_behind: Callable[[_Mark], bool]) -> bool:
        all_have = True
        for partition in {partition_of(sender, self._log.partitions) for sender in senders}:
            mark = self._mark(partition)
            if mark is None or not is_behind(mark):
                all_have = False
                if partition not in self._answered:
                    self._ask(partition)
        return all_have

    def _mark(self, partition: int) -> _Mark | None:
        counts_s, mark = self._answered.get(partition, (0.0, None))
        if mark is not None and counts_s <= self._loop.time():
            del self._answered[partition]
            self._marks[partition] = mark
        return self._marks.get(partition)

    def _ask(self, partition: int) -> None:
        """Once more if there is no answer: the same question, so that whoever has it goes on with it."""
        now_s = self._loop.time()
        question = self._open.get(partition)
        if question is None:
            question = self._open[partition] = self._new_question(now_s)
        elif now_s < question.again_s:
            return
        question.times += 1
        question.again_s = now_s + max(_AGAIN_S, wait_s(question.times))
        request = ReadRun(question.request_id, f"partition {partition}", DEPARTURES, "", self._number)
        self._log.publish(COMMANDS, partition, b"", encode(request))
        if now_s >= question.told_s:
            self._tell(partition, question, now_s)

    def _new_question(self, now_s: float) -> _Question:
        """Contract of the mark: all that it covers is durable, so it came before the question."""
        self._asked += 1
        request_id = f"{DEPARTURES}/{self._number}/{self._epoch}/{self._asked}"
        mark = _Mark(self._progress.next_offset, (self._epoch, self._progress.acknowledged))
        return _Question(request_id, mark, now_s, now_s, now_s + _TOLD_AFTER_S)

    def _tell(self, partition: int, question: _Question, now_s: float) -> None:
        silent_s = now_s - question.since_s
        question.told_s = now_s + silent_s
        _log.warning(
            "Closed runs of partition %d are kept beyond their retention: partition %d, whose runs have begun them or "
            "have sent them messages, has not said for %d s that it will not send these again. It has no owner (see "
            "`sagaline doctor`), or its worker is of an earlier version.",
            self._number,
            partition,
            silent_s,
        )
