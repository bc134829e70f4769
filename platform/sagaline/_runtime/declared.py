"""What a decorator of an activity was given, checked where it stands, and the definition that it makes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from sagaline._model.flow import RATE, SLOTS
from sagaline._runtime import checks
from sagaline._runtime.attempt_options import (
    UNDO,
    CallOptions,
    DefinitionOptions,
    UndoOptions,
    attempt_options,
    flow_options,
    own_options,
)
from sagaline._runtime.definitions import LOOP, PROCESS, THREAD, ActivityDefinition, ActivityOptions
from sagaline._runtime.flow.keys import KeyedLimit, KeyPath, in_order, key_path, keyed_limits
from sagaline._runtime.signatures import Signature
from sagaline.errors import ConfigurationError


class Errors(NamedTuple):
    """What an activity says of its errors."""

    refusals: tuple[type[Exception], ...] = ()
    retry_if: Callable[[Exception], bool] | None = None


class Declared:
    """The options of a declaration, checked where they stand."""

    def __init__(
        self, options: UndoOptions | DefinitionOptions, defaults: ActivityOptions, errors: Errors, place: str
    ) -> None:
        self._name, self._errors, self._place = options.get("name"), errors, place
        self._options = attempt_options(options, defaults, place)
        self._own, self._fairness = own_options(options, place), options.get("fairness_key")
        if defaults is UNDO and (self._own.keys or self._own.rates):
            raise ConfigurationError(
                f"Expected a compensation to have limits of a worker alone, such as concurrency=10, for nothing may "
                f"hold up what is undone, but it has a Key or a Rate ({place})."
            )

    def define(self, fn: Callable[..., Any], decorator: str) -> ActivityDefinition:
        """The definition of a function."""
        checks.require_function(fn, decorator)
        place = checks.place_of(fn)
        name, is_method = checks.name_for(fn, self._name, place), checks.is_method(fn)
        is_async = inspect.iscoroutinefunction(fn)
        own, signature = self._own, Signature(fn, name, is_method=is_method)
        if own.in_process:
            _require_of_module(fn, is_async=is_async, is_method=is_method, place=place)
        return ActivityDefinition(
            name,
            fn,
            signature,
            is_async,
            self._options,
            self._errors.refusals,
            self._errors.retry_if,
            is_method=is_method,
            executor=PROCESS if own.in_process else LOOP if is_async else THREAD,
            type_limits=own.type_limits,
            flow=keyed_limits(own.keys, own.rates, signature, name, place),
            fairness=fairness_of(self._fairness, signature, name, place),
        )


def flow_at_call(options: CallOptions, before: ActivityDefinition, place: str) -> tuple[KeyedLimit, ...]:
    """The limits of the namespace of a call: those that are given take the place of those of the same kind. Raises
    ConfigurationError."""
    if options.get("concurrency") is None and options.get("rate") is None:
        return before.flow
    keys, rates = flow_options(options, place)
    name, kept = before.name, list[KeyedLimit]()
    if keys.of_worker is not None or rates.of_worker is not None:
        raise ConfigurationError(
            f"Expected a Key as concurrency of a call of {name}, and a Rate as its rate, for what a worker may do is "
            f"said with @activity, but got {checks.shown(keys.of_worker or rates.of_worker)} ({place})."
        )
    if options.get("concurrency") is None:
        kept += [limit for limit in before.flow if limit.kind == SLOTS]
    if options.get("rate") is None:
        kept += [limit for limit in before.flow if limit.kind == RATE]
    added = keyed_limits(keys.of_namespace, rates.of_namespace, before.signature, name, place)
    return in_order((*kept, *added), name, place)


def fairness_of(path: object, signature: Signature, name: str, place: str) -> KeyPath | None:
    """Where a call has its fairness key. Raises ConfigurationError."""
    return None if path is None else key_path(path, signature, f"fairness of {name}", place)


def _require_of_module(fn: Callable[..., Any], *, is_async: bool, is_method: bool, place: str) -> None:
    """A process finds a function by its module and name. Raises ConfigurationError when it cannot find this one."""
    if is_async or is_method or "<locals>" in fn.__qualname__:
        what = "async" if is_async else "a method" if is_method else "inside another function"
        raise ConfigurationError(
            f'Expected an ordinary function of a module for executor="process", whose process imports it, but '
            f"{fn.__qualname__} is {what} ({place})."
        )
