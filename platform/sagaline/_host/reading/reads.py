"""Requests that leave nothing more in history: proven, then answered, at once or when the run has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from sagaline._engine.chains import last_of_chain
from sagaline._engine.replies import outcome
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunView
from sagaline._host.partition.guard import Guard
from sagaline._host.reading import answers
from sagaline._host.reading.delivery import Answer, Delivery
from sagaline._host.reading.read_index import ReadIndex
from sagaline._host.reading.waiters import Asker, Waiters
from sagaline._log import Log
from sagaline._model.limits import NAME_BYTES, cut
from sagaline._model.records import (
    COMPLETED,
    DEPARTURES,
    FAILED,
    RETENTION,
    RUNNING,
    STATUSES,
    Command,
    QueryRun,
    ReadRun,
    Reply,
    ResetRun,
    RetryRun,
    RunControl,
    SignalRun,
    StartRun,
    UndoRun,
    UpdateRun,
)

_ENTRY_BYTES = 500


class _Question(NamedTuple):
    """A request, and the run that it means; "" is the newest of its workflow id."""

    request: Command
    run_id: str
    answer: Reply | None = None
    """An answer that was made when the question came."""


class OtherOwners(NamedTuple):
    """What this owner is asked by the owners of other partitions, and for how many seconds they have not answered."""

    ask: Callable[[ReadRun], None]
    unanswered: Callable[[], dict[int, float]]


class Reads:
    """The requests of one partition that read, or have been carried out and are to be answered.

    ``state`` is that of what is acknowledged: nothing else is shown. ``start`` takes a start whose run is gone,
    ``others`` has to do with other partitions, ``why_not`` says what an attempt waits for.
    """

    def __init__(
        self,
        log: Log,
        state: State,
        guard: Guard,
        end_offset: Callable[[], Awaitable[int]],
        next_offset: Callable[[], int],
        start: Callable[[StartRun], None],
        others: OtherOwners,
        why_not: answers.WhyNot,
    ) -> None:
        self._state, self._guard, self._start = state, guard, start
        self._others, self._why_not = others, why_not
        self._index: ReadIndex[_Question] = ReadIndex(end_offset, next_offset, self._proven, guard)
        self._waiters = Waiters(guard)
        self._delivery = Delivery(log, guard)
        self._bytes_unproven = 0

    def ask(
        self, request: Command, next_append: int, idle: bool, run_id: str = "", answer: Reply | None = None
    ) -> None:
        """Takes a request. ``next_append`` is the number of the next append: its acknowledgement is the proof.

        ``run_id`` is the run that answers a start that is not the first, and the one that a command has stopped.
        """
        if isinstance(request, ReadRun):
            run_id = request.run_id
        question = _Question(request, run_id, answer)
        self._bytes_unproven += _bytes(question)
        self._index.ask(question, next_append, idle)

    def proven(self, acknowledged: int, idle: bool) -> None:
        """``acknowledged`` appends are in sequence and their rows are in the store."""
        self._index.proven(acknowledged, idle)

    def closed(self, workflow_id: str, run_id: str) -> None:
        """A run has ended, durably: whoever waits for it is told."""
        if not self._waiters.has(run_id):
            return
        run = self._run(workflow_id, run_id)
        if run is not None and run.continued_to:
            self._waiters.move(run_id, run.continued_to)
        for asker in self._waiters.take(run_id):
            self._delivery.send(Answer(asker, partial(self._outcome, asker, run_id), run_id))

    @property
    def bytes_waiting(self) -> int:
        """Bytes of requests and answers in memory: the host reads no more inputs while they are too many."""
        return self._bytes_unproven + self._delivery.bytes_waiting

    def runs_in_use(self) -> set[str]:
        """Ids of the runs that somebody is being answered with: they must stay."""
        starts = [question for question in self._index if isinstance(question.request, StartRun)]
        unproven = {start.run_id or self._newest(start.request.workflow_id) for start in starts}
        return (unproven | {answer.run_id for answer in self._delivery}) - {""}

    def resize(self, share: float) -> None:
        """``share``: how much of what the process may keep in memory is for this partition."""
        self._delivery.resize(share)

    def close(self) -> None:
        """Answers nothing more; clients ask again."""
        self._index.close()
        self._waiters.close()
        self._delivery.close()

    # What is proven is answered

    def _proven(self, question: _Question) -> None:
        request = question.request
        self._bytes_unproven -= _bytes(question)
        asker = Asker(request.request_id, request.workflow_id, request.reply_to, request.reply_partition)
        if question.answer is not None:
            self._delivery.send(Answer(asker, lambda: question.answer))
            return
        if isinstance(request, StartRun):
            self._answer_start(asker, request, question.run_id)
            return
        if isinstance(request, UpdateRun):
            self._delivery.send(Answer(asker, partial(self._answer_update, asker, request, question.run_id)))
            return
        if isinstance(request, SignalRun | QueryRun | ResetRun | UndoRun):
            self._delivery.send(Answer(asker, partial(_received, asker, question.run_id)))
            return
        if isinstance(request, RunControl | RetryRun):
            answer = partial(self._outcome, asker, question.run_id, "accepted")
            self._delivery.send(Answer(asker, answer, question.run_id))
            return
        if request.what == DEPARTURES:
            self._others.ask(request)
            return
        try:
            run_id = request.run_id or self._newest(request.workflow_id)
        except Exception as error:
            self._delivery.failed(asker, error)
            return
        is_long = request.what in ("history", "runs", "parked")
        self._delivery.send(Answer(asker, partial(self._answer, asker, request), run_id, is_long))

    def updated(self, run_id: str, update_id: str) -> None:
        """An update is answered, durably: whoever waits for it is told."""
        for asker in self._waiters.take(_update_key(run_id, update_id)):
            self._delivery.send(Answer(asker, partial(self._update_reply, asker, run_id, update_id)))

    def _answer_update(self, asker: Asker, request: UpdateRun, run_id: str) -> Reply | None:
        reply = self._update_reply(asker, run_id, request.update_id)
        if reply.kind == "accepted" and request.reply_when == "completed":
            self._waiters.add(asker, _update_key(run_id, request.update_id), request.waits_ms)
            return None
        return reply

    def _update_reply(self, asker: Asker, run_id: str, update_id: str) -> Reply:
        row = self._state.update(run_id, update_id)
        if row is None:
            return _not_found(asker, run_id)
        status = RUNNING if not row.done else COMPLETED if row.failure is None else FAILED
        kind = "updated" if row.done else "accepted"
        run = self._state.run_by_id(asker.workflow_id, run_id)
        first = "" if run is None else run.first_run_id
        ids = (asker.request_id, asker.workflow_id, run_id)
        return Reply(*ids, kind, status, row.result, row.failure, first_run_id=first)

    def _answer_start(self, asker: Asker, request: StartRun, run_id: str) -> None:
        run = self._last(request.workflow_id, run_id)
        if run is None:
            self._start(request)  # the run that was there has been retired meanwhile
        elif request.reply_when == "closed" and not run.closed:
            self._waiters.add(asker, run.run_id, request.waits_ms)
        else:
            kind = "closed" if request.reply_when == "closed" else "accepted"
            self._delivery.send(Answer(asker, partial(self._outcome, asker, run.run_id, kind), run.run_id))

    def _answer(self, asker: Asker, request: ReadRun) -> Reply | answers.Parts | None:
        """The answer as of now: what is in the state then is acknowledged too."""
        if request.what == "runs":
            if request.filter and request.filter not in STATUSES:
                status = cut(request.filter, NAME_BYTES)
                message = f"Expected one of {', '.join(STATUSES)}, or nothing for all, but got {status!r}."
                return answers.refused(asker, "UnknownStatus", message)
            return answers.runs(asker, request, self._state)
        if request.what == "parked":
            return answers.parked(asker, self._state)
        if request.what == RETENTION:
            return answers.retention(asker, self._others.unanswered())
        run = self._run(request.workflow_id, request.run_id)
        if run is None or request.what == "result":
            run = self._last(request.workflow_id, request.run_id)
        if run is None:
            return _not_found(asker, request.run_id)
        if request.what == "history":
            return answers.history(asker, run, self._state, lambda: self._is_there(run))
        if request.what == "description":
            return answers.description(asker, run, self._state, self._why_not)
        if request.what != "result":
            what = cut(request.what, NAME_BYTES)
            message = f"Expected a question for result, description, history or runs but got {what!r}."
            return answers.refused(asker, "UnknownQuestion", message)
        if run.closed:
            return outcome(run, asker.request_id, "closed")
        self._waiters.add(asker, run.run_id, request.waits_ms)
        return None

    def _outcome(self, asker: Asker, run_id: str, kind: str = "closed") -> Reply:
        run = self._last(asker.workflow_id, run_id)
        return _not_found(asker, run_id) if run is None else outcome(run, asker.request_id, kind)

    def _run(self, workflow_id: str, run_id: str) -> RunView | None:
        """A run by its id; the newest of the workflow id when none is given."""
        return self._state.run_by_id(workflow_id, run_id) if run_id else self._state.run(workflow_id)

    def _last(self, workflow_id: str, run_id: str) -> RunView | None:
        """The run in which that one goes on at last."""
        return last_of_chain(self._state, workflow_id, run_id)

    def _newest(self, workflow_id: str) -> str:
        run = self._state.run(workflow_id)
        return "" if run is None else run.run_id

    def _is_there(self, run: RunView) -> bool:
        return self._run(run.workflow_id, run.run_id) is not None


def _update_key(run_id: str, update_id: str) -> str:
    return f"{run_id}/{update_id}"


def _received(asker: Asker, run_id: str) -> Reply:
    return Reply(asker.request_id, asker.workflow_id, run_id, "accepted", RUNNING)


def _not_found(asker: Asker, run_id: str) -> Reply:
    which = f" with run id {cut(run_id, NAME_BYTES)!r}" if run_id else ""
    message = f"Expected a run of workflow id {cut(asker.workflow_id, NAME_BYTES)!r}{which} but there is none."
    return answers.refused(asker, answers.NOT_FOUND, message)


def _bytes(question: _Question) -> int:
    request, answer = question.request, question.answer
    size = len(request.input) if isinstance(request, StartRun) else 0
    return _ENTRY_BYTES + size + (0 if answer is None else len(answer.result or b""))
