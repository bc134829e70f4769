"""What holds of messages, broken on purpose."""

from __future__ import annotations

from typing import Any

import msgspec

from sagaline._engine import decide as decisions
from sagaline._engine.processors import PROCESSORS, start
from sagaline._engine.processors.addressed import addressed
from sagaline._engine.processors.decisions import Rejected
from sagaline._engine.tables.outgoing import Outgoing
from sagaline._host.partition.inputs import Inputs
from sagaline._host.partition.starting import Starting
from sagaline._host.reading import reads as reading
from sagaline._host.reading.asking import Asking
from sagaline._model.events import SignalReceived
from sagaline._model.records import SignalRun, StartRun
from sagaline._runtime.messages.mailbox import Mailbox
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

    return [(Starting, "_begin", begin)]


@mutant
def begins_a_run_for_an_update_that_is_known() -> list[Patch]:
    def process(state: Any, request: StartRun, now_ms: int) -> Any:
        return start.process(state, msgspec.structs.replace(request, update_id="another"), now_ms)

    return [(decisions, "PROCESSORS", PROCESSORS | {StartRun: process})]
