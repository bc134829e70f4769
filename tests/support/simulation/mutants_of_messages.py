"""What holds of messages, broken on purpose."""

from __future__ import annotations

from typing import Any

import msgspec

from sagaline._engine import decide as decisions
from sagaline._engine import emit, replies
from sagaline._engine.beginning_rows import successor
from sagaline._engine.processors import PROCESSORS, start
from sagaline._engine.processors.addressed import addressed
from sagaline._engine.processors.decisions import Rejected
from sagaline._engine.tables.outgoing import Outgoing
from sagaline._engine.tables.runs import RunRow
from sagaline._engine.tables.updates import Updates
from sagaline._engine.tables.wills import Wills
from sagaline._engine.wills import send_wills
from sagaline._host.partition.inputs import Inputs
from sagaline._host.partition.starting import Starting
from sagaline._host.reading import reads as reading
from sagaline._host.reading.asking import Asking
from sagaline._host.reading.queries import Queries
from sagaline._host.runs import activations
from sagaline._host.runs.chains import next_events
from sagaline._model.events import SignalReceived, UpdateAccepted
from sagaline._model.records import CANCELLED, SignalRun, StartRun, UpdateRun
from sagaline._runtime.messages import looking
from sagaline._runtime.messages.mailbox import Mailbox
from simulation.broker import Faults
from simulation.mutant_registry import Patch, mutant


@mutant
def sends_messages_of_runs_all_at_once() -> list[Patch]:
    original = Outgoing.add

    def add(self: Outgoing, *args: Any) -> bool:
        original(self, *args)
        return True

    return [(Outgoing, "add", add)]


@mutant
def receives_a_repeated_signal_again() -> list[Patch]:
    def process(state: Any, request: SignalRun, now_ms: int) -> Any:
        run = addressed(state, request)
        if isinstance(run, Rejected):
            return run
        return [SignalReceived(request.request_id, request.signal, request.input)]

    return [(decisions, "PROCESSORS", PROCESSORS | {SignalRun: process})]


@mutant
def acknowledges_a_signal_before_its_record() -> list[Patch]:
    def ask(self: Any, request: Any, run_id: str, recorded: bool) -> None:
        self._reads.ask(request, 0, idle=False, run_id=run_id)

    return [(Asking, "ask_recorded", ask)]


@mutant
def answers_queries_without_waiting_for_what_they_show() -> list[Patch]:
    def ask(self: Any, request: Any, run_id: str, answer: Any = None) -> None:
        if answer is not None:
            self._reads._bytes_unproven += reading._bytes(question := reading._Question(request, run_id, answer))
            self._reads._proven(question)
        else:
            original(self, request, run_id)

    original = Asking.ask
    return [(Asking, "ask", ask)]


@mutant
def hands_over_the_newest_signal_first() -> list[Patch]:
    def take(self: Mailbox, name: str) -> Any:
        number, value = self._channel(name).waiting.pop()
        self.handled.append(number)
        return value

    return [(Mailbox, "take", take)]


@mutant
def settles_signals_before_they_are_recorded() -> list[Patch]:
    original = Inputs._hand_on_signals

    def hand_on(self: Inputs) -> None:
        self._consume()
        original(self)

    return [(Inputs, "_hand_on_signals", hand_on)]


@mutant
def counts_a_start_before_its_update_is_recorded() -> list[Patch]:
    original = Starting._begin

    def begin(self: Starting, request: Any, events: Any) -> None:
        before, self._progress.before = self._progress.before, None
        original(self, request, events)
        self._progress.before = before

    often = (Faults, "CHOICES", {**Faults.CHOICES, "crash_point": (0.02,), "failed": (0.05,)})  # between two records
    return [(Starting, "_begin", begin), often]


@mutant
def begins_a_run_for_an_update_that_is_known() -> list[Patch]:
    def process(state: Any, request: StartRun, now_ms: int) -> Any:
        return start.process(state, msgspec.structs.replace(request, update_id="another"), now_ms)

    return [(decisions, "PROCESSORS", PROCESSORS | {StartRun: process})]


@mutant
def applies_a_repeated_update_again() -> list[Patch]:
    def process(state: Any, request: UpdateRun, now_ms: int) -> Any:
        run = addressed(state, request)
        return run if isinstance(run, Rejected) else [UpdateAccepted(request.update_id, request.update, request.input)]

    return [(decisions, "PROCESSORS", PROCESSORS | {UpdateRun: process})]


@mutant
def answers_an_update_before_its_record() -> list[Patch]:
    original = Asking.ask_recorded

    def ask(self: Any, request: Any, run_id: str, recorded: bool) -> None:
        if isinstance(request, UpdateRun):
            self._reads.ask(request, 0, idle=False, run_id=run_id)
        else:
            original(self, request, run_id, recorded)

    return [(Asking, "ask_recorded", ask)]


@mutant
def forgets_what_came_of_an_update() -> list[Patch]:
    original = Updates.settle
    return [(Updates, "settle", lambda self, run, update_id, *_: original(self, run, update_id, b"null", None))]


@mutant
def lets_queries_change_runs() -> list[Patch]:
    return [(looking, "_changed", lambda before, after: "")]


@mutant
def answers_queries_from_an_old_copy() -> list[Patch]:
    original = Queries._result
    copies: dict[str, bytes] = {}

    def result(self: Queries, request: Any, run: Any) -> bytes:
        return copies.setdefault(run.run_id, original(self, request, run))

    return [(Queries, "_result", result)]


@mutant
def hands_on_waiting_signals_in_reverse() -> list[Patch]:
    def events(*args: Any) -> Any:
        found = next_events(*args)
        signals = [event for event in found if isinstance(event, SignalReceived)]
        return [event for event in found if not isinstance(event, SignalReceived)] + signals[::-1]

    return [(activations, "next_events", events)]


@mutant
def leaves_signals_behind_when_a_run_goes_on() -> list[Patch]:
    def next_of_chain(run: RunRow) -> RunRow:
        row = successor(run)
        row.inherits = ()
        return row

    return [(emit, "successor", next_of_chain)]


@mutant
def sends_no_last_words_of_a_run_that_is_cancelled() -> list[Patch]:
    def send(state: Any, run: RunRow) -> None:
        if run.status == CANCELLED:
            state.wills.drop_all(run)
        else:
            send_wills(state, run)

    return [(replies, "send_wills", send)]


@mutant
def forgets_last_words_when_a_run_goes_on() -> list[Patch]:
    def pass_on(self: Wills, run: RunRow, run_id: str) -> None:
        self.drop_all(run)

    return [(Wills, "pass_on", pass_on)]
