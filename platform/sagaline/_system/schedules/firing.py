"""One due time that fires: begins its run, waits for the end and tells the schedule.

It stands between the two so that the schedule may continue as new while runs are open: the outcome comes as a signal,
which goes to whichever run of the schedule there is.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec

from sagaline._model.limits import SUMMARY_BYTES, cut
from sagaline._model.system import SYSTEM, system_id
from sagaline._runtime.attributes import search_of, values_of
from sagaline._system.declaring import system_workflow
from sagaline._system.schedules import model
from sagaline._system.schedules.by_name import by_name
from sagaline._system.schedules.model import Ended, Order, ScheduledRun, State
from sagaline.errors import ChildError, MessageError
from sagaline.scheduled import ABOUT
from sagaline.workflow import ChildHandle, workflow

_RETRY_S, _LONGEST_S = 1, 60


@system_workflow(model.FIRING)
class Firing:
    """Its child is terminated with it: nothing runs on that no schedule knows of."""

    def __init__(self) -> None:
        self.stop_asked = ""

    @workflow.signal
    def stop(self, how: str) -> None:
        """Ends the run: by cancelling or by terminating it."""
        self.stop_asked = how

    @workflow.signal
    def is_there(self) -> None:
        """Refused when this has ended: whoever asks knows then."""

    @workflow.run
    async def run(self, order: Order) -> None:
        """Begins the run, waits and reports."""
        ended = await (_gone(order) if order.ending else self._run(order))
        await _report(order.schedule, ended)

    async def _run(self, order: Order) -> Ended:
        child = by_name(order.workflow, len(order.args)).options(
            id=order.workflow_id,
            parent_close="terminate",
            id_reuse="reject",
            memo=order.memo,
            search_attributes=values_of(order.search_attributes),
        )
        try:
            handle = await workflow.start_child(child, *order.args)
        except ChildError as error:
            return _without_result(order, "", error)
        outcome = asyncio.create_task(_outcome(order, handle))
        try:
            timeout = order.run_timeout_ms / 1_000 if order.run_timeout_ms else None
            await workflow.wait_condition(lambda: outcome.done() or self.stop_asked, timeout)
        except TimeoutError:
            handle.cancel("its schedule's run_timeout is over")
            ended = await outcome
            return ended if ended.status == "completed" else msgspec.structs.replace(ended, status="timed_out")
        if not outcome.done():
            if self.stop_asked == model.TERMINATE:
                workflow.continue_as_new(msgspec.structs.replace(order, ending=handle.run_id))  # leaves its child
            handle.cancel("the next run of its schedule is due")
        await workflow.wait_condition(lambda: outcome.done() or self.stop_asked == model.TERMINATE)
        if not outcome.done():
            workflow.continue_as_new(msgspec.structs.replace(order, ending=handle.run_id))
        return outcome.result()


async def _gone(order: Order) -> Ended:
    """Waits until the run, which is being terminated, has ended: then a message to it is refused."""
    wait_s = _RETRY_S
    while True:
        try:
            await workflow.external(order.workflow_id, order.ending).cancel("the next run of its schedule is due")
        except MessageError:
            return Ended(order.workflow_id, order.ending, "terminated")
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, _LONGEST_S)


async def _outcome(order: Order, handle: ChildHandle[Any]) -> Ended:
    try:
        result = await handle
    except ChildError as error:
        return _without_result(order, handle.run_id, error)
    fits = len(msgspec.json.encode(result)) <= model.RESULT_BYTES
    return Ended(order.workflow_id, handle.run_id, "completed", fits, result if fits else None)


def _without_result(order: Order, run_id: str, error: ChildError) -> Ended:
    cause = error.failure.cause
    message = "" if cause is None else cut(cause.message, SUMMARY_BYTES)
    return Ended(order.workflow_id, run_id, error.status, failure_type=error.type, failure_message=message)


async def _report(schedule: str, ended: Ended) -> None:
    wait_s = _RETRY_S
    while True:
        try:
            await workflow.external(system_id(f"{SYSTEM}{model.SCHEDULE}", schedule)).signal("ended", ended)
        except MessageError as error:
            if error.type == "TooManySignals":
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_S)
                continue
        return  # there, or nobody is left to be told


def order_of(state: State, run: ScheduledRun) -> Order:
    """What a firing is told: its run's memo has what ``workflow.due_time`` and ``workflow.last_result`` read."""
    definition = state.definition
    about: dict[str, Any] = {"id": state.id, "due": datetime.fromtimestamp(run.due_ms / 1_000, UTC).isoformat()}
    if state.has_result:
        about["last_result"] = state.last_result
    return Order(
        state.id,
        run.workflow_id,
        definition.workflow,
        definition.args,
        definition.run_timeout_ms,
        {**definition.memo, ABOUT: about},
        search_of({ABOUT: state.id}, definition.search_attributes),
    )
