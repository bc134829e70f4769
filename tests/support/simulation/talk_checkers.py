"""What must hold of messages, by the raw log alone."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sagaline._model import events as e
from sagaline._model.records import QueryRun, Reply, SignalRun, StartRun, UpdateRun
from sagaline._model.tokens import PREFIX
from sagaline._payloads import is_sealed
from simulation.book_checkers import Run
from simulation.deploy_checkers import ORDER
from simulation.talk import DEFINITIONS
from simulation.with_start import UNKNOWN

_LISTENERS = {ORDER, *(definition.name for definition in DEFINITIONS)}
"""Workflows that return the numbers they were told. Others receive signals as well: what their tokens are resolved with."""


@dataclass
class Heard:
    """What a run was told, in order. ``carried``: the runs of its chain before it have handled that."""

    carried: list[int] = field(default_factory=list[int])
    received: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])  # message id and number
    waiting: dict[int, tuple[str, int]] = field(default_factory=dict[int, tuple[str, int]])  # by place, from 1
    due: deque[tuple[str, int]] = field(default_factory=deque[tuple[str, int]])  # it has to receive these first

    @property
    def numbers(self) -> list[int]:
        """All that the chain was told."""
        return self.carried + [number for _, number in self.received]

    def go_on(self) -> Heard:
        """What the next run of the chain begins with."""
        handled = [number for place, (_, number) in enumerate(self.received, 1) if place not in self.waiting]
        return Heard(self.carried + handled, due=deque(one for one in self.waiting.values() if one[1] != _OF_TOKEN))


_OF_TOKEN, _OF_LOCK = -1, -2
"""Signals that are no numbers: what resolves a token is of one run of a chain."""


def _number(event: e.SignalReceived) -> int:
    if event.signal.startswith(PREFIX):
        return _OF_TOKEN
    return int(msgspec.json.decode(event.input)[0]) if event.signal == "told" else _OF_LOCK


class TalkChecks:
    """A signal acknowledged is handled exactly once, in order; an update answered is in history; a query shows what was
    acknowledged before it was asked, and nothing that is not in history."""

    def __init__(
        self, violations: list[str], marks: Counter[str], may_be_forgotten: Callable[[str], bool] = lambda _: False
    ) -> None:
        """``may_be_forgotten``: a request was refused, so long ago that nobody need know of it any more."""
        self._violations, self._marks, self._may_be_forgotten = violations, marks, may_be_forgotten
        self._heard: dict[str, Heard] = defaultdict(Heard)  # by run id
        self._receivers: dict[str, set[str]] = defaultdict(set)  # by message id: runs that have received it
        self._listeners: set[str] = set()  # run ids
        self._retired: set[str] = set()
        self._acknowledged: dict[str, set[int]] = defaultdict(set)  # by workflow id
        self._told_before: dict[str, set[int]] = {}  # by query: what was acknowledged when it was first asked
        self._asked: dict[str, Any] = {}
        self._updates: dict[tuple[str, str], e.UpdateCompleted | None] = {}  # by run id and update id
        self._answers: dict[tuple[str, str], object] = {}
        self._dropped: dict[str, set[int]] = defaultdict(set)  # by workflow id: what a reset has left behind
        self._ended: set[str] = set()
        self._sent: dict[tuple[str, int], e.MessageRequested] = {}  # by run and step: what runs tell each other
        self._arrived: dict[tuple[str, int], str] = {}  # the run that has received it
        self._late: set[tuple[str, int]] = set()  # they were refused, came again when that was forgotten, and arrived
        self._newest: dict[tuple[str, str], int] = {}  # by sender and receiving id: the step that arrived last
        self._settled: set[tuple[str, int]] = set()
        self.queries: set[str] = set()  # what is refused to them needs no record

    def asked(self, request: object) -> None:
        """A request is in the log."""
        if isinstance(request, SignalRun | UpdateRun | QueryRun) or (isinstance(request, StartRun) and request.update):
            self._asked[request.request_id] = request
        if isinstance(request, QueryRun):
            self.queries.add(request.request_id)
            self._told_before.setdefault(request.request_id, set(self._acknowledged[request.workflow_id]))

    def began(self, run_id: str, event: e.RunStarted) -> None:
        """A start with an update begins nothing when that is one that no code has, or was accepted before."""
        request = self._asked.get(event.request_id)
        if isinstance(request, StartRun) and not event.continued_from:
            self._marks["begun with an update"] += 1
            if request.update == UNKNOWN or self._receivers[request.update_id] - self._retired:
                self._violations.append(f"{request.request_id} has begun {run_id} for an update that begins nothing")

    def copied(self, run_id: str, run: Run, known: Mapping[str, Run]) -> None:
        """A reset has begun a run with events of another. What others of its id were told, and it is not, is dropped:
        what has to come again is checked elsewhere."""
        for event in run.events:
            match event:
                case e.RunStarted() | e.SignalReceived() | e.SignalsHandled():
                    self.happened(run_id, event, again=True)
                case e.UpdateAccepted():
                    self._receivers[event.update_id].add(run_id)
                    self._updates[run_id, event.update_id] = None
                case e.UpdateCompleted():
                    self._updates[run_id, event.update_id] = event
                case _:
                    pass
        heard = self._heard.get(run_id, Heard())
        if run.fork is not None and run.fork.drop_signals:
            heard.due.clear()
        dropped = self._dropped[run.workflow_id]
        for other, earlier in known.items():
            if earlier.workflow_id == run.workflow_id and other in self._heard:
                dropped |= set(self._heard[other].numbers)
        dropped -= set(heard.numbers)

    def _begin(self, run_id: str, event: e.RunStarted) -> None:
        """What a run of the same id has heard before it was retired is forgotten."""
        self._heard.pop(run_id, None)
        self._listeners.discard(run_id)
        if event.workflow in _LISTENERS:
            self._listeners.add(run_id)
        if event.continued_from in self._heard:
            self._heard[run_id] = self._heard[event.continued_from].go_on()
            self._marks["talked on"] += 1

    def happened(self, run_id: str, event: object, again: bool = False, asked_by: str = "") -> None:
        """A valid event. ``again``: it had happened to a run that was reset; ``asked_by``: the run of its step."""
        match event:
            case e.MessageRequested():
                self._sent[run_id, event.step] = event
            case e.MessageSettled():
                self._settle(asked_by or run_id, event, again)
            case e.CancelRequested() if event.sender_run_id:
                self._arrive(run_id, event)
            case e.RunStarted():
                self._begin(run_id, event)
            case e.SignalReceived():
                if event.sender_run_id and not again:
                    self._arrive(run_id, event)
                self._hear(run_id, event, again)
            case e.SignalsHandled():
                heard = self._heard[run_id]
                for place in event.numbers:
                    if heard.waiting.pop(place, None) is None:
                        self._violations.append(f"signal {place} of {run_id} was handled twice, or never came")
            case e.UpdateAccepted() | e.UpdateCompleted():
                self._update(run_id, event)
            case e.RunCompleted() if run_id in self._listeners and not is_sealed(event.result):
                heard = self._heard.get(run_id, Heard())
                self._marks["talked"] += bool(heard.numbers)
                if msgspec.json.decode(event.result) != heard.numbers or heard.waiting:
                    self._violations.append(f"{run_id} was told {heard.numbers} but heard {event.result!r}")
            case _:
                pass

    def ended(self, run_id: str) -> None:
        """A run has ended, durably."""
        self._ended.add(run_id)

    def retired(self, run_id: str) -> None:
        """A run is gone: what it had received may come again, and is new."""
        self._retired.add(run_id)

    def finish(self, refused: set[str]) -> None:
        """Every signal and update that is in the log was received, or refused."""
        for request_id, request in self._asked.items():
            known = request.update_id if isinstance(request, UpdateRun | StartRun) else request_id
            if not isinstance(request, QueryRun) and not self._receivers[known] and request_id not in refused:
                self._violations.append(f"{request_id} was lost")
        for run_id, heard in self._heard.items():
            if heard.due:
                self._violations.append(f"{run_id} never received {list(heard.due)} that waited in the run before")

    def _update(self, run_id: str, event: e.UpdateAccepted | e.UpdateCompleted) -> None:
        if isinstance(event, e.UpdateAccepted):
            self._receive(run_id, event.update_id)
            self._updates[run_id, event.update_id] = None
            return
        if self._updates.get((run_id, event.update_id), event) is not None:
            self._violations.append(f"update {event.update_id} was answered twice, or never accepted")
        self._updates[run_id, event.update_id] = event

    def _hear(self, run_id: str, event: e.SignalReceived, again: bool) -> None:
        """A signal is on record. What has waited when the run before went on as this one comes first, in order."""
        heard, message = self._heard[run_id], (event.request_id, _number(event))
        if heard.due:
            due = heard.due.popleft()
            self._marks["signal carried on"] += 1
            if due != message:
                self._violations.append(f"{run_id} received {message} where {due} of the run before was due")
            self._receivers[event.request_id].add(run_id)
        else:
            self._receive(run_id, event.request_id, again)
        heard.received.append(message)
        heard.waiting[len(heard.received)] = message

    def _arrive(self, run_id: str, event: e.SignalReceived | e.CancelRequested) -> None:
        """A message of another run is on record: it was sent, comes once, and behind those that were sent before."""
        place = (event.sender_run_id, event.sender_step)
        sent = self._sent.get(place)
        received_by = self._arrived.get(place)
        if sent is None or not (received_by is None or received_by in self._retired):
            self._violations.append(f"message {place} arrived twice, or was never sent")
            return
        self._arrived[place] = run_id
        if self._may_be_forgotten(event.request_id):
            self._late.add(place)
        road = (event.sender_run_id, sent.target_id)
        if self._newest.get(road, 0) > event.sender_step and event.sender_run_id not in self._ended:  # decision 0048
            self._violations.append(f"message {place} to {sent.target_id} was overtaken by {self._newest[road]}")
        self._newest[road] = max(self._newest.get(road, 0), event.sender_step)

    def _settle(self, run_id: str, event: e.MessageSettled, again: bool) -> None:
        place = (run_id, event.step)
        self._marks["message between runs" if event.failure is None else "message between runs refused"] += 1
        told_before = place in self._settled and not again
        is_so = (place in self._arrived) == (event.failure is None) or place in self._late
        if told_before or place not in self._sent or not is_so:
            self._violations.append(f"{place} was told {event.failure} of its message, which is not so, or twice")
        self._settled.add(place)

    def _receive(self, run_id: str, message_id: str, again: bool = False) -> None:
        if bool(self._receivers[message_id] - self._retired) != again:
            self._violations.append(f"{message_id} was received twice, or never before")
        self._receivers[message_id].add(run_id)

    def answered(self, reply: Reply) -> None:
        """An answer is in the log."""
        request = self._asked.get(reply.request_id)
        if request is None or reply.kind == "refused":
            self._marks["message refused"] += request is not None
            if reply.failure is not None and reply.failure.type == "QueryChangesRun":
                self._marks["query that changes refused"] += 1
            return
        if isinstance(request, SignalRun):
            self._marks["signal"] += 1
            if reply.run_id not in self._receivers[request.request_id]:
                self._violations.append(f"{request.request_id} was acknowledged before it was durable")
            self._acknowledged[request.workflow_id].add(msgspec.json.decode(request.input)[0])
        elif isinstance(request, UpdateRun | StartRun):
            self._check_update(request, reply)
        else:
            self._check_query(request, reply)

    def _check_update(self, request: UpdateRun | StartRun, reply: Reply) -> None:
        self._marks[f"update {'with start ' * isinstance(request, StartRun)}{reply.kind}"] += 1
        if reply.kind == "updated":
            update, answer = (reply.run_id, request.update_id), (reply.result, reply.failure)
            self._marks["update asked again"] += update in self._answers
            if self._answers.setdefault(update, answer) != answer:
                self._violations.append(f"{request.update_id} was answered with {answer}, and not so before")
        if reply.run_id not in self._receivers[request.update_id]:
            self._violations.append(f"{request.update_id} was answered before it was durable")
        if reply.kind == "updated":
            event = self._updates.get((reply.run_id, request.update_id))
            cut_off = event is None and reply.failure is not None and reply.run_id in self._ended
            if not cut_off and (event is None or event.result != (reply.result or b"null")):
                self._violations.append(
                    f"{request.update_id} was answered with {reply.result!r}, and history has {event}"
                )

    def _check_query(self, request: QueryRun, reply: Reply) -> None:
        if request.query == "scribbled":
            self._violations.append(f"{request.request_id} has changed a run, and was answered with {reply.result!r}")
        if reply.result is None or is_sealed(reply.result):
            return
        self._marks["query"] += 1
        shown = set(msgspec.json.decode(reply.result))
        heard = set(self._heard[reply.run_id].numbers)
        missing = self._told_before[request.request_id] - shown - (self._dropped[request.workflow_id] - heard)
        if missing:
            self._violations.append(f"{request.request_id} shows {sorted(shown)} without {sorted(missing)}")
        if not shown <= heard:
            self._violations.append(f"{request.request_id} shows {sorted(shown)}, which is not durable")
