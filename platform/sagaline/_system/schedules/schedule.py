"""A schedule: sleeps until something is due, and begins a firing for it.

Whatever a library or a time zone decides (what is due, whether a definition can be) is recorded by a side effect. What
follows from it is in ``Book``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVarTuple

import msgspec

from sagaline._model.limits import SUMMARY_BYTES, cut
from sagaline._model.system import SYSTEM, system_id
from sagaline._runtime.attributes import SearchValue
from sagaline._runtime.context import require_instance
from sagaline._system.declaring import system_workflow
from sagaline._system.schedules import model
from sagaline._system.schedules.book import Book, workflow_id_of
from sagaline._system.schedules.checks import why_not
from sagaline._system.schedules.firing import Firing, order_of
from sagaline._system.schedules.model import Backfill, Definition, Ended, ScheduledRun, State, Triggered
from sagaline._system.schedules.times import count, plan
from sagaline.errors import ApplicationError, ChildError, MessageError
from sagaline.handlers import SignalHandler
from sagaline.workflow import workflow

_LONGEST_SLEEP_MS = 86_400_000  # new rules of a time zone count within a day
_AT_ONCE = 100
_CLOCKS_MS = 60_000  # a client whose clock is ahead may mean "until now"
_LOST = "lost"
_SURELY_BEGUN = 10  # after so many runs of the schedule
Ts = TypeVarTuple("Ts")


@system_workflow(model.SCHEDULE)
class Schedule:
    """The workflow. Its input is all that it knows."""

    @workflow.init
    def __init__(self, state: State) -> None:
        self._state, self._book = state, Book(state)
        self._changed = self._asked = False
        self._turns = self._beginning = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._problem = ""
        if not state.created_ms:
            state.created_ms = state.upto_ms = _now_ms()
            self._problem = _problem_of(state)
            state.failed = bool(self._problem)
            self._tell()
        for run in state.open:
            run.rounds += 1

    # What is asked of it

    @workflow.update
    def create(self) -> None:
        """Says whether it could be made."""
        self._asked = True
        if self._problem:
            raise ApplicationError(self._problem, type="InvalidSchedule")

    @workflow.query
    def state(self) -> State:
        """All that it knows."""
        return self._state

    @workflow.update
    def change(self, definition: Definition, revision: int) -> bool:
        """Another definition, unless somebody has changed it since ``revision``. It holds for what is due from now."""
        state = self._state
        if revision != state.revision:
            return False
        if problem := _problem_of(msgspec.structs.replace(state, definition=definition)):
            raise ApplicationError(problem, type="InvalidSchedule")
        state.definition, state.revision = definition, revision + 1
        state.upto_ms = max(state.upto_ms, _now_ms())
        self._tell()
        return True

    @workflow.update
    def pause(self, note: str, by: str) -> None:
        """What is due from now on is skipped."""
        self._book.pause(note, by)
        self._tell()

    @workflow.update
    def resume(self, note: str, by: str) -> None:
        """Goes on with what is due from now on."""
        state, now_ms = self._state, _now_ms()
        if not state.paused:
            return
        whole = partial(plan, state.definition, state.id, state.upto_ms, now_ms, now_ms, 0)
        state.counts.skipped += workflow.side_effect(whole, name="skipped").missed
        state.upto_ms = max(state.upto_ms, now_ms)
        state.paused, state.note, state.paused_by = False, note, by
        self._tell()

    @workflow.update
    def trigger(self, overlap: str) -> Triggered:
        """A run now, whether it is paused or not."""
        state = self._state
        state.last_trigger_ms = at_ms = max(_now_ms(), state.last_trigger_ms + 1)
        outcome = self._book.offer(at_ms, model.TRIGGER, overlap or state.definition.overlap, at_ms)
        self._changed = True
        return Triggered(workflow_id_of(state.id, at_ms, model.TRIGGER), outcome)

    @workflow.update
    def backfill(self, start_ms: int, end_ms: int, overlap: str) -> int:
        """Due times of the past are offered once more: how many there are."""
        state = self._state
        if not start_ms <= end_ms <= _now_ms() + _CLOCKS_MS:
            raise ApplicationError("Expected start and end in this order, and in the past.", type="InvalidRange")
        if len(state.backfills) >= model.BACKFILLS:
            message = f"Expected at most {model.BACKFILLS} backfills at a time: wait for those that are under way."
            raise ApplicationError(message, type="TooManyBackfills")
        end_ms = min(end_ms, _now_ms())
        all_of_it = partial(count, state.definition, start_ms - 1, end_ms, model.BACKFILL_TIMES)
        if (found := workflow.side_effect(all_of_it)) > model.BACKFILL_TIMES:
            raise ApplicationError(
                f"Expected at most {model.BACKFILL_TIMES:,} due times between start and end but there are more: "
                f"backfill the range in parts.",
                type="InvalidRange",
            )
        if found:
            state.backfills.append(Backfill(start_ms - 1, end_ms, overlap or state.definition.overlap))
            self._changed = True
        return found

    @workflow.update
    def delete(self) -> None:
        """It ends; runs that it began go on."""
        self._state.deleted = self._changed = True

    @workflow.signal
    def ended(self, ended: Ended) -> None:
        """A firing tells how its run has ended."""
        was_paused = self._state.paused
        self._book.end(ended, _now_ms())
        self._turns += 1
        self._changed = True
        if self._state.paused != was_paused:
            self._tell()

    # What it does

    @workflow.run
    async def run(self, state: State) -> None:
        """Until it is deleted."""
        if self._problem:
            await self._sleep(_now_ms() + 60_000, lambda: self._asked)
            raise ApplicationError(self._problem, type="InvalidSchedule")
        self._book.go_on()
        if (oldest := next((run for run in state.open if run.rounds > 1), None)) is not None:
            self._in_background(self._tell_firing(oldest, Firing.is_there))
        while not state.deleted:
            wake_ms = self._advance()
            begun, stopped = self._book.take()
            for run in begun:
                self._in_background(self._begin(run))
            for run, how in stopped:
                self._in_background(self._tell_firing(run, Firing.stop, how))
            if self._turns >= state.again_after * (10 if self._beginning else 1):
                workflow.continue_as_new(state)
            self._changed = False
            await self._sleep(wake_ms, lambda: self._changed)

    async def _sleep(self, wake_ms: int, is_over: Callable[[], bool]) -> None:
        """Until then, 0 for ever, or something has happened."""
        left_ms = min(max(wake_ms - _now_ms(), 1), _LONGEST_SLEEP_MS)
        try:
            await workflow.wait_condition(is_over, left_ms / 1_000 if wake_ms else None)
        except TimeoutError:
            pass

    def _advance(self) -> int:
        """Takes what is due. Returns when something is due next, 0 for never."""
        state, book, now_ms = self._state, self._book, _now_ms()
        self._turns += 1
        if state.paused:
            return 0
        book.next_waiting(now_ms)
        definition = state.definition
        cut_ms = now_ms - definition.catch_up_ms - 1
        now = partial(plan, definition, state.id, state.upto_ms, now_ms, cut_ms, _AT_ONCE)
        found = workflow.side_effect(now, name="due")
        for at_ms in found.due:
            book.offer(at_ms, model.DUE, definition.overlap, now_ms)
        state.counts.missed += found.missed
        state.upto_ms = max(state.upto_ms, found.upto_ms)
        return now_ms if self._backfill(now_ms) else found.wake_ms

    def _backfill(self, now_ms: int) -> bool:
        """Offers some of what is to be backfilled. True when there may be more to do at once."""
        state, book = self._state, self._book
        if not state.backfills or not book.may_backfill(first := state.backfills[0]):
            return False
        most = 1 if first.overlap == model.BUFFER_ALL else _AT_ONCE
        until_ms = first.end_ms + state.definition.jitter_ms
        some = partial(plan, state.definition, state.id, first.after_ms, until_ms, 0, most)
        times = [at_ms for at_ms in workflow.side_effect(some, name="backfill").due if at_ms <= first.end_ms]
        for at_ms in times:
            book.offer(at_ms, model.BACKFILL, first.overlap, now_ms)
            first.after_ms = at_ms
        if len(times) < most:
            state.backfills.pop(0)
        return bool(state.backfills)

    async def _begin(self, run: ScheduledRun) -> None:
        """Begins a firing. What it comes to is told by a signal; that it was ended by hand is heard here."""
        self._beginning += 1
        try:
            firing = Firing.run.options(id=_firing_id(run.workflow_id), parent_close="abandon", id_reuse="reject")
            handle = await workflow.start_child(firing, order_of(self._state, run))
        except ChildError as error:
            self._lose(run.workflow_id, "refused", error)
            return
        else:
            run.has_firing = True
        finally:
            self._beginning -= 1
        try:
            await handle
        except ChildError as error:
            self._lose(run.workflow_id, error.status, error)

    async def _tell_firing(self, run: ScheduledRun, signal: SignalHandler[*Ts], *args: *Ts) -> None:
        """When it has begun, for messages overtake starts. One that is not there then was ended by hand, and tells
        nothing."""
        await workflow.wait_condition(
            lambda: run.has_firing or run.rounds > _SURELY_BEGUN or run not in self._state.open
        )
        if run in self._state.open:
            try:
                await workflow.external(_firing_id(run.workflow_id)).signal(signal, *args)
            except MessageError as error:
                self._lose(run.workflow_id, _LOST, error)

    def _lose(self, workflow_id: str, status: str, error: ChildError | MessageError) -> None:
        self.ended(Ended(workflow_id, "", status, failure_type=error.type, failure_message=str(error)))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self) -> None:
        """What lists show."""
        self._changed = True
        workflow.upsert_search_attributes(about(self._state))


def about(state: State) -> dict[str, SearchValue]:
    """What a list of schedules shows of one."""
    text = "; ".join(rule.text for rule in state.definition.rules)
    return {"workflow": state.definition.workflow, "spec": cut(text, SUMMARY_BYTES), "paused": state.paused}


def _now_ms() -> int:
    return round(workflow.now().timestamp() * 1_000)


def _problem_of(state: State) -> str:
    registry = require_instance("a schedule").setup.registry
    return workflow.side_effect(partial(why_not, registry, state, _now_ms()), name="check")


def _firing_id(workflow_id: str) -> str:
    return system_id(f"{SYSTEM}{model.FIRING}", workflow_id)
