"""How attempts of an activity are made, as users write it: of its decorator, of its compensation's, and at a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple, TypedDict, cast

import msgspec

from sagaline._model.activities import PARK, RETRIABLE, AttemptLimits
from sagaline._model.failure import RetryPolicy
from sagaline._model.flow import FIRST, LAST
from sagaline._runtime import checks
from sagaline._runtime.definitions import PROCESS, ActivityOptions
from sagaline._runtime.durations import Duration
from sagaline._runtime.flow.keys import Concurrency, Given, Key, Rate, Rates, split
from sagaline._runtime.rates import TypeLimits, type_limits
from sagaline._runtime.retries import Retry, placed_milliseconds
from sagaline._runtime.step_classes import ClassOptions, class_of
from sagaline.errors import ConfigurationError

OnExhausted = Literal["fail", "park"]
_NO_LIMITS = AttemptLimits()
_LIMITS = ("start_timeout", "total_timeout", "heartbeat_timeout")
FORWARD = ActivityOptions(60_000, Retry().policy())
UNDO = ActivityOptions(60_000, RetryPolicy(attempts=0))
"""Defaults: of an activity, and of a compensation, which is attempted without end."""


class AttemptOptions(TypedDict, total=False):
    """How attempts are made."""

    timeout: Duration
    """How long one attempt may take, from when it begins."""
    start_timeout: Duration
    """How long an attempt may wait for a slot, from when it is due."""
    total_timeout: Duration
    """How long all attempts and the waits between them may take, from when it is called."""
    heartbeat_timeout: Duration
    """How far apart the heartbeats of a running attempt may be."""
    retry: Retry | None
    on_exhausted: OnExhausted
    """When it has failed for good: it fails, or waits for a person."""
    queue: str | None
    priority: int | None
    """1 to 5: those of lower numbers begin first; 3 by default."""


class CallOptions(AttemptOptions, ClassOptions, total=False):
    """The options of ``activity.options``."""

    concurrency: Key | Sequence[Key] | None
    rate: Rate | Sequence[Rate] | None
    fairness_key: str | None


class UndoOptions(AttemptOptions, total=False):
    """The options of ``activity.compensation``."""

    name: str | None
    executor: Literal["process"] | None
    concurrency: int | None
    rate: str | None


class FlowOptions(TypedDict, total=False):
    """Limits of a worker, and of the namespace."""

    concurrency: Concurrency | None
    rate: Rates | None
    fairness_key: str | None
    """A parameter, or a field in it: attempts of different values take turns."""


class DefinitionOptions(AttemptOptions, ClassOptions, FlowOptions, total=False):
    """The options of ``@activity``."""

    name: str | None
    executor: Literal["process"] | None

    refusals: Sequence[type[Exception]]
    retry_if: Callable[[Exception], bool] | None


def attempt_options(given: AttemptOptions, before: ActivityOptions, place: str) -> ActivityOptions:
    """``before`` with what is given. Raises ConfigurationError."""
    changes: dict[str, Any] = {}
    if (timeout := given.get("timeout")) is not None:
        changes["timeout_ms"] = placed_milliseconds(timeout, "timeout", place)
    if (queue := given.get("queue")) is not None:
        changes["queue"] = checks.queue_name(queue, place)
    limits = before.limits or _NO_LIMITS
    if (retry := given.get("retry")) is not None:
        changes["retry"] = _retry(retry, place).policy()
        limits = msgspec.structs.replace(limits, jitter=retry.jitter_percent())
    for name in _LIMITS:
        if (duration := cast("dict[str, Duration]", given).get(name)) is not None:
            limits = msgspec.structs.replace(limits, **{f"{name}_ms": placed_milliseconds(duration, name, place)})
    if (on_exhausted := given.get("on_exhausted")) is not None:
        word = checks.one_of(on_exhausted, ("fail", PARK), "on_exhausted", place)
        limits = msgspec.structs.replace(limits, on_exhausted=PARK if word == PARK else "")
    if (priority := given.get("priority")) is not None:
        number = checks.whole_number(priority, "priority", FIRST, LAST, place)
        limits = msgspec.structs.replace(limits, priority=number)
    if (kind := class_of(given, place)) is not None:
        changes["kind"] = kind
        if kind == RETRIABLE and "retry" not in changes and before is FORWARD:
            changes["retry"] = UNDO.retry
    changes["limits"] = None if limits == _NO_LIMITS else limits
    return replace(before, **changes)


def _retry(retry: object, place: str) -> Retry:
    if not isinstance(retry, Retry):
        raise ConfigurationError(f"Expected retry to be a Retry(...) but got {checks.shown(retry)} ({place}).")
    return retry


class OwnOptions(NamedTuple):
    """Whether it runs in a process; the limits of its kind in a worker, and those of the namespace."""

    in_process: bool
    type_limits: TypeLimits | None
    keys: tuple[Key, ...]
    rates: tuple[Rate, ...]


def own_options(given: UndoOptions | DefinitionOptions, place: str) -> OwnOptions:
    """What a declaration says of the activity itself. Raises ConfigurationError."""
    executor = given.get("executor")
    if executor is not None:
        checks.one_of(executor, (PROCESS,), "executor", place)
    keys, rates = flow_options(cast("FlowOptions", given), place)
    limits = type_limits(keys.of_worker, rates.of_worker, place)
    return OwnOptions(executor is not None, limits, keys.of_namespace, rates.of_namespace)


def flow_options(given: FlowOptions | CallOptions, place: str) -> tuple[Given, Given]:
    """What ``concurrency`` and ``rate`` say. Raises ConfigurationError."""
    return split(given.get("concurrency"), Key, place), split(given.get("rate"), Rate, place)


def require_known(given: object, kind: type[Any], what: str, place: str) -> None:
    """Raises ConfigurationError for an option that there is not."""
    known = set(kind.__annotations__)
    if unknown := sorted(set(cast("dict[str, Any]", given)) - known):
        options = ", ".join(sorted(known))
        raise ConfigurationError(f"Expected options of {what} among {options} but got {', '.join(unknown)} ({place}).")
