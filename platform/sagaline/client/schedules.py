"""Schedules: ``client.schedules`` makes, shows and changes them.

::

    await client.schedules.create("nightly", report, "EU", spec=Cron("0 2 * * *", zone="Europe/Berlin"))
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar, Unpack, overload

from sagaline._model.failure import Failure
from sagaline._model.system import SYSTEM, system_id
from sagaline._runtime.durations import Duration
from sagaline._system.schedules import model
from sagaline._system.schedules.schedule import Schedule, about
from sagaline.client import checks
from sagaline.client.handle import RunHandle
from sagaline.client.link import Link
from sagaline.client.messaging import DEFAULT_TIMEOUT
from sagaline.client.runs import list_runs
from sagaline.client.schedule_definitions import changed, definition_of, described, milliseconds_of, schedule_id
from sagaline.client.schedule_types import (
    ChangeOptions,
    Overlap,
    ScheduleDescription,
    ScheduleOptions,
    ScheduleSummary,
)
from sagaline.client.starting import Start, checked_start
from sagaline.client.with_start import WithStart
from sagaline.errors import ConfigurationError, InvalidInput, RequestRefused, UpdateError
from sagaline.handlers import UpdateHandler

A = TypeVar("A")
B = TypeVar("B")
R = TypeVar("R")
_TYPE = f"{SYSTEM}{model.SCHEDULE}"
_IF_EXISTS = ("fail", "update", "keep")


class Schedules:
    """The schedules of a namespace, by their ids.

    Every call asks a worker, and raises RequestTimeout when none answers in time; ``RequestRefused`` of type
    "ScheduleNotFound" when there is no schedule of the id. A call that is cancelled or times out may have been handled.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    @overload
    async def create(
        self, id: str, workflow: Callable[[], Coroutine[Any, Any, R]], /, **options: Unpack[ScheduleOptions]
    ) -> None: ...
    @overload
    async def create(
        self, id: str, workflow: Callable[[A], Coroutine[Any, Any, R]], a: A, /, **options: Unpack[ScheduleOptions]
    ) -> None: ...
    @overload
    async def create(
        self,
        id: str,
        workflow: Callable[[A, B], Coroutine[Any, Any, R]],
        a: A,
        b: B,
        /,
        **options: Unpack[ScheduleOptions],
    ) -> None: ...
    @overload
    async def create(self, id: str, workflow: str, /, *args: Any, **options: Unpack[ScheduleOptions]) -> None: ...
    async def create(self, id: str, workflow: Any, /, *args: Any, **options: Unpack[ScheduleOptions]) -> None:
        """Makes a schedule, and returns when it is on record: from then on each due time begins a run of the workflow,
        with these arguments, under the id ``<id>-<due time in UTC>``, such as "nightly-2026-11-29T01:00:00Z".

        Arguments:
            id: 1 to 200 bytes.
            workflow: the workflow, or its name with arguments that are values of JSON.
            options: ``spec`` says when it is due; see ScheduleOptions for it and all others.

        Raises:
            ConfigurationError: an option does not make sense, or no worker knows the workflow; the message names it.
            InvalidInput: the arguments do not fit.
            RequestRefused: there is a schedule of this id ("ScheduleExists").
        """
        checks.known_options(options, ScheduleOptions, "a schedule")
        link, timeout = self._link, options.get("timeout", DEFAULT_TIMEOUT)
        if_exists = checks.word(options.get("if_exists", "fail"), _IF_EXISTS, "if_exists")
        definition = definition_of(workflow, args, options)
        paused, note = options.get("paused", False), options.get("note", "")
        checks.instance(paused, bool, "paused to be True or False")
        state = model.State(schedule_id(id), definition, paused, _note(note), checks.person(None))
        payload = checks.encoded(Schedule.run.definition, (state,))
        times: Any = {"search_attributes": about(state)}
        to_start = Start(_TYPE, payload, system_id(_TYPE, id), "completed", "fail", "allow")
        start = checked_start(link, to_start, times)
        try:
            await WithStart(link, start, Schedule.run.definition).execute_update(Schedule.create, timeout=timeout)
        except UpdateError as error:
            raise ConfigurationError(error.failure.message) from error
        except RequestRefused as refusal:
            if refusal.type != "IdInUse":
                raise
            if if_exists == "fail":
                message = (
                    f"Expected the id of a new schedule but there is one of {id!r}: choose another id, say if_exists, "
                    f"or delete that one."
                )
                raise RequestRefused(Failure("ScheduleExists", message)) from refusal
            if if_exists == "update":
                await self._change(id, lambda _: definition, timeout)

    async def list(self, *, timeout: Duration | None = DEFAULT_TIMEOUT) -> list[ScheduleSummary]:
        """All schedules, by their ids. Works without a worker too."""
        self._link.requests.check_open()
        runs = await list_runs(self._link.reads, None, _TYPE, (), checks.seconds(timeout))
        listed: list[ScheduleSummary] = []
        for run in runs:
            if run.status.is_open:
                shown = run.search_attributes
                workflow, spec = str(shown.get("workflow", "")), str(shown.get("spec", ""))
                name, paused = run.workflow_id.removeprefix(f"{_TYPE}/"), shown.get("paused") is True
                listed.append(ScheduleSummary(name, workflow, spec, paused, run.failure))
        return sorted(listed, key=lambda schedule: schedule.id)

    async def describe(self, id: str, *, timeout: Duration | None = DEFAULT_TIMEOUT) -> ScheduleDescription:
        """A schedule as it stands: when it is due next, what has become of its due times, its runs."""
        return described(await self._state(id, timeout))

    async def pause(
        self, id: str, note: str = "", *, by: str | None = None, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> None:
        """From now on what is due is skipped, and what waits stays; runs that are open go on, and ``trigger`` works.
        ``note`` says why (500 bytes are kept), ``by`` who asks, by default this user and host."""
        await self._ask(id, Schedule.pause, _note(note), checks.person(by), timeout=timeout)

    async def resume(
        self, id: str, note: str = "", *, by: str | None = None, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> None:
        """Goes on with what is due from now on; nothing when it is not paused."""
        await self._ask(id, Schedule.resume, _note(note), checks.person(by), timeout=timeout)

    async def trigger(
        self, id: str, *, overlap: Overlap | None = None, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> str:
        """Begins a run now, also while it is paused, or lets it wait as the overlap policy says (by default the
        schedule's). Returns the run's workflow id. Raises RequestRefused when the policy skips it ("ScheduleBusy")."""
        word = "" if overlap is None else checks.word(overlap, model.OVERLAPS, "overlap")
        told = await self._ask(id, Schedule.trigger, word, timeout=timeout)
        if told.outcome in ("fired", "buffered"):
            return str(told.workflow_id)
        message = (
            f"Expected no open run of schedule {id!r}, or an overlap policy that lets another one begin or wait, but "
            f"it was {told.outcome}: say overlap."
        )
        raise RequestRefused(Failure("ScheduleBusy", message))

    async def update(self, id: str, /, **options: Unpack[ChangeOptions]) -> None:
        """Changes what is named; the rest stays. It holds for what is due from now on: due times of before are not
        offered again, and runs that are open go on. Raises ConfigurationError, InvalidInput."""
        checks.known_options(options, ChangeOptions, "a change of a schedule")
        await self._change(id, lambda before: changed(before, options), options.get("timeout", DEFAULT_TIMEOUT))

    async def backfill(
        self,
        id: str,
        start: datetime,
        end: datetime,
        *,
        overlap: Overlap | None = None,
        timeout: Duration | None = DEFAULT_TIMEOUT,
    ) -> int:
        """Offers the due times of a range of the past again, both ends included, by an overlap policy of its own (by
        default the schedule's). Returns how many there are: at most 10,000.

        A due time whose run is still kept does not begin another (it is counted as ``refused``); after the run's
        retention it does. Raises RequestRefused ("InvalidRange", "TooManyBackfills"), InvalidInput.
        """
        word = "" if overlap is None else checks.word(overlap, model.OVERLAPS, "overlap")
        times = (milliseconds_of(start, "start"), milliseconds_of(end, "end"))
        return int(await self._ask(id, Schedule.backfill, *times, word, timeout=timeout))

    async def delete(self, id: str, *, timeout: Duration | None = DEFAULT_TIMEOUT) -> None:
        """Ends a schedule: nothing is due any more, and what waits is dropped. Runs that it began go on."""
        await self._ask(id, Schedule.delete, timeout=timeout)

    # How it is asked

    def _handle(self, id: str) -> RunHandle[Any]:
        return RunHandle(self._link, system_id(_TYPE, schedule_id(id)), "", Schedule.run.definition)

    async def _state(self, id: str, timeout: Duration | None) -> model.State:
        try:
            state = await self._handle(id).query(Schedule.state, timeout=timeout)
        except RequestRefused as refusal:
            raise _found_none(id) if refusal.type == "WorkflowNotFound" else refusal from refusal
        if state.deleted or state.failed:
            raise _found_none(id)
        return state

    async def _ask(
        self, id: str, update: UpdateHandler[Any, *tuple[Any, ...]], *args: Any, timeout: Duration | None
    ) -> Any:
        try:
            return await self._handle(id).execute_update(update, *args, timeout=timeout)
        except RequestRefused as refusal:
            raise _found_none(id) if refusal.type in ("WorkflowNotFound", "RunEnded") else refusal from refusal
        except UpdateError as error:
            if error.type == "RunEnded":
                raise _found_none(id) from error
            raise RequestRefused(Failure(error.type, error.failure.message)) from error

    async def _change(
        self, id: str, change: Callable[[model.Definition], model.Definition], timeout: Duration | None
    ) -> None:
        """Somebody else may change it between the question and the answer: then it is asked again."""
        done = False
        while not done:
            state = await self._state(id, timeout)
            try:
                definition = change(state.definition)
                done = await self._ask(id, Schedule.change, definition, state.revision, timeout=timeout)
            except RequestRefused as refusal:
                if refusal.type == "InvalidSchedule":
                    raise ConfigurationError(str(refusal)) from refusal
                raise


def _note(note: Any) -> str:
    if not isinstance(note, str):
        raise InvalidInput(f"Expected note to be text but got {type(note).__name__}.")
    return note


def _found_none(id: str) -> RequestRefused:
    return RequestRefused(Failure("ScheduleNotFound", f"Expected a schedule of id {id!r} but there is none."))
