"""Whether a schedule can be: asked where it is made, and again by its workflow, for other programs write topics too."""

from __future__ import annotations

from datetime import date

import msgspec

from sagaline._model.limits import MESSAGE_BYTES, NAME_BYTES, cut, size
from sagaline._runtime.attributes import memo_bytes, search_of
from sagaline._runtime.definitions import Registry
from sagaline._system.schedules import model
from sagaline._system.schedules.times import check_cron, due_times, zone_of
from sagaline.errors import InvalidInput, SagalineError
from sagaline.scheduled import ABOUT


def check_id(schedule: str) -> None:
    """Raises ValueError for what cannot be the id of a schedule."""
    if not schedule.strip() or size(schedule) > model.ID_BYTES or not schedule.isprintable():
        raise ValueError(
            f"Expected the id of a schedule to be 1 to {model.ID_BYTES} bytes of printable text but got "
            f"{cut(repr(schedule), 300)}."
        )


def check(definition: model.Definition, now_ms: int) -> None:
    """Raises ValueError that names the option. ``now_ms``: a due time has to come after it."""
    if not 1 <= len(definition.rules) <= model.SPECS:
        raise ValueError(f"Expected 1 to {model.SPECS} specs but got {len(definition.rules)}.")
    for rule in definition.rules:
        check_rule(rule)
    _check_dates(definition.exclude)
    if definition.end_ms and definition.end_ms <= definition.start_ms:
        raise ValueError("Expected end_at to be later than start_at but it is not.")
    if definition.overlap not in model.OVERLAPS:
        raise ValueError(
            f"Expected overlap to be one of {', '.join(model.OVERLAPS)} but got {cut(repr(definition.overlap), 100)}."
        )
    if min(definition.jitter_ms, definition.catch_up_ms, definition.run_timeout_ms, definition.start_ms) < 0:
        raise ValueError("Expected jitter, catch_up, run_timeout and start_at not to be below zero but one of them is.")
    _check_size("the arguments of the runs", definition.args, model.INPUT_BYTES)
    _check_size("memo", definition.memo, model.MEMO_BYTES)
    try:
        memo_bytes({**definition.memo, ABOUT: ""})
        search_of({ABOUT: "a" * model.ID_BYTES}, definition.search_attributes)
    except SagalineError as error:
        raise ValueError(str(error)) from error
    if next(due_times(definition, now_ms), None) is None:
        raise ValueError(
            "Expected a due time that is still to come but there is none: look at spec, exclude, start_at and end_at."
        )


def why_not_run(registry: Registry, definition: model.Definition) -> str:
    """Why a worker cannot run what a schedule is to begin; "" when it can."""
    workflow = registry.users.get(definition.workflow)
    if workflow is None:
        known = ", ".join(sorted(registry.users)) or "none"
        return cut(f"Expected workflow to be one that the worker knows ({known}) but got {definition.workflow!r}.")
    try:
        workflow.signature.decode_input(msgspec.json.encode(definition.args))
    except InvalidInput as error:
        return cut(str(error), MESSAGE_BYTES)
    return ""


def why_not(registry: Registry, state: model.State, now_ms: int) -> str:
    """Why there cannot be such a schedule; "" when there can."""
    try:
        check_id(state.id)
        check(state.definition, now_ms)
    except ValueError as error:
        return cut(str(error), MESSAGE_BYTES)
    return why_not_run(registry, state.definition)


def check_rule(rule: model.Rule) -> None:
    """Raises ValueError that names the option."""
    zone_of(rule.zone)
    if rule.kind == model.EVERY:
        if rule.every_ms < 1_000:
            raise ValueError(f"Expected every to be at least 1 second but got {rule.every_ms} ms.")
        if not 0 <= rule.offset_ms < rule.every_ms:
            raise ValueError(
                f"Expected offset to be shorter than every but they are {rule.offset_ms} ms and {rule.every_ms} ms."
            )
    elif rule.kind == model.CRON:
        if size(rule.cron) > NAME_BYTES:
            raise ValueError(f"Expected cron to have at most {NAME_BYTES} bytes but it has {size(rule.cron)}.")
        check_cron(rule.cron)
    else:
        raise ValueError(f"Expected a spec of cron or every but got {cut(repr(rule.kind), 100)}.")


def _check_dates(exclude: tuple[str, ...]) -> None:
    if len(exclude) > model.EXCLUDED:
        raise ValueError(f"Expected at most {model.EXCLUDED:,} dates in exclude but got {len(exclude):,}.")
    for text in exclude:
        try:
            date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"Expected exclude to be dates such as '2026-12-25' but got {text!r}.") from None


def _check_size(what: str, value: object, most: int) -> None:
    if (length := len(msgspec.json.encode(value))) > most:
        raise ValueError(
            f"Expected {what} to have at most {most:,} bytes as JSON but they have {length:,}: store the data, and "
            f"pass a reference to it."
        )
