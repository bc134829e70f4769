"""Schedules between what users write and what their workflows keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, Literal, cast

import msgspec

from sagaline._model.failure import Failure
from sagaline._runtime.attributes import memo_bytes, memo_of, search_of
from sagaline._runtime.checks import shown
from sagaline._runtime.durations import Duration, milliseconds
from sagaline._system.schedules import model
from sagaline._system.schedules.checks import check, check_id
from sagaline._system.schedules.times import due_times
from sagaline.client import checks
from sagaline.client.events import at_ms
from sagaline.client.schedule_types import ScheduleDescription, ScheduledRun, Spec
from sagaline.errors import ConfigurationError, InvalidInput

_NEXT = 5
_DURATIONS = ("catch_up", "jitter", "run_timeout")
_TIMES = ("start", "end")
_DEFAULTS = model.Definition("", [], ())


def schedule_id(id: Any) -> str:
    """The id of a schedule. Raises InvalidInput."""
    try:
        check_id(checks.text_id(id, "the id of a schedule"))
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    return str(id)


def definition_of(workflow: Any, args: Sequence[Any], options: Mapping[str, Any]) -> model.Definition:
    """What ``create`` is given. Raises ConfigurationError, InvalidInput."""
    if isinstance(workflow, str):
        name, payload = checks.workflow_name(workflow), checks.json_array(tuple(args))
    else:
        definition = checks.definition_of(workflow)
        name, payload = definition.name, checks.encoded(definition, tuple(args))
    before = msgspec.structs.replace(_DEFAULTS, workflow=name, args=msgspec.json.decode(payload))
    return changed(before, {"spec": (), **options})


def changed(before: model.Definition, options: Mapping[str, Any]) -> model.Definition:
    """A definition with the options that are given. Raises ConfigurationError, InvalidInput."""
    values: dict[str, Any] = {}
    if "spec" in options:
        values["rules"] = tuple(spec.rule() for spec in _specs(options["spec"]))
    if "args" in options:
        values["args"] = msgspec.json.decode(checks.json_array(tuple(options["args"])))
    if "overlap" in options:
        values["overlap"] = checks.word(options["overlap"], model.OVERLAPS, "overlap")
    if "pause_on_failure" in options:
        checks.instance(options["pause_on_failure"], bool, "pause_on_failure to be True or False")
        values["pause_on_failure"] = options["pause_on_failure"]
    for name in _DURATIONS:
        if name in options:
            values[f"{name}_ms"] = _duration(options[name], name)
    for name in _TIMES:
        if f"{name}_at" in options:
            value = options[f"{name}_at"]
            values[f"{name}_ms"] = 0 if value is None else milliseconds_of(value, f"{name}_at")
    if "exclude" in options:
        values["exclude"] = tuple(_date(day) for day in _listed(options["exclude"]))
    if "memo" in options:
        values["memo"] = memo_of(memo_bytes(options["memo"]))
    if "search_attributes" in options:
        values["search_attributes"] = search_of(options["search_attributes"])
    after = msgspec.structs.replace(before, **values)
    try:
        check(after, 0)  # the worker asks once more, by its clock
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    return after


def milliseconds_of(value: Any, what: str) -> int:
    """A moment. Raises InvalidInput."""
    if not isinstance(value, datetime) or value.tzinfo is None or value.year < 1970:
        raise InvalidInput(f"Expected {what} to be a datetime with a time zone, from 1970 on, but got {shown(value)}.")
    return round(value.timestamp() * 1_000)


def described(state: model.State) -> ScheduleDescription:
    """A schedule, for people."""
    definition, counts = state.definition, state.counts
    following = () if state.paused else islice(due_times(definition, max(state.upto_ms, 0)), _NEXT)
    return ScheduleDescription(
        state.id,
        definition.workflow,
        definition.args,
        tuple(rule.text for rule in definition.rules),
        definition.overlap,
        state.paused,
        state.note,
        state.paused_by,
        at_ms(state.created_ms),
        tuple(map(at_ms, following)),
        tuple(map(_run, state.open)),
        tuple(map(_run, state.recent)),
        len(state.waiting),
        len(state.backfills),
        counts.fired,
        counts.skipped,
        counts.missed,
        counts.overflowed,
        counts.refused,
        state.last_result,
        _settings(definition),
    )


def _settings(definition: model.Definition) -> dict[str, Any]:
    shown: dict[str, Any] = {
        f"{name}_s": value / 1_000
        for name in _DURATIONS
        if (value := getattr(definition, f"{name}_ms")) != getattr(_DEFAULTS, f"{name}_ms")
    }
    shown |= {f"{name}_at": at_ms(value) for name in _TIMES if (value := getattr(definition, f"{name}_ms"))}
    if definition.exclude:
        shown["exclude"] = list(definition.exclude)
    return shown | ({"pause_on_failure": True} if definition.pause_on_failure else {})


def _run(run: model.ScheduledRun) -> ScheduledRun:
    failure = Failure(run.failure_type, run.failure_message) if run.failure_type else None
    ended = at_ms(run.ended_ms) if run.ended_ms else None
    kind = cast("Literal['due', 'trigger', 'backfill']", run.kind)
    due, began = at_ms(run.due_ms), at_ms(run.began_ms)
    return ScheduledRun(run.workflow_id, run.run_id, kind, due, began, run.status, ended, failure)


def _specs(value: Any) -> list[Spec]:
    specs = list(cast("Sequence[Any]", value)) if isinstance(value, list | tuple) else [value]
    for spec in specs:
        if not isinstance(spec, Spec):
            raise ConfigurationError(
                f"Expected spec to be Cron(...), Every(...), Calendar(...), or a list of them, but got {shown(spec)}."
            )
    return specs


def _duration(value: Duration | None, name: str) -> int:
    return 0 if value is None else milliseconds(value, name, least_ms=0)


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple | set | frozenset):
        raise ConfigurationError(f"Expected exclude to be a list of dates but got {shown(value)}.")
    return list(value)  # pyright: ignore[reportUnknownArgumentType]


def _date(value: Any) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        return value
    raise ConfigurationError(f"Expected exclude to be dates, or text such as '2026-12-25', but got {shown(value)}.")
