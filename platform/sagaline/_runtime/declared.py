"""What a decorator of an activity was given, checked where it stands, and the definition that it makes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from sagaline._runtime import checks
from sagaline._runtime.attempt_options import UndoOptions, attempt_options, own_options
from sagaline._runtime.definitions import LOOP, PROCESS, THREAD, ActivityDefinition, ActivityOptions
from sagaline._runtime.signatures import Signature
from sagaline.errors import ConfigurationError


class Errors(NamedTuple):
    """What an activity says of its errors."""

    refusals: tuple[type[Exception], ...] = ()
    retry_if: Callable[[Exception], bool] | None = None


class Declared:
    """The options of a declaration, checked where they stand."""

    def __init__(self, options: UndoOptions, defaults: ActivityOptions, errors: Errors, place: str) -> None:
        self._name, self._errors, self._place = options.get("name"), errors, place
        self._options = attempt_options(options, defaults, place)
        self._in_process, self._type_limits = own_options(options, place)

    def define(self, fn: Callable[..., Any], decorator: str) -> ActivityDefinition:
        """The definition of a function."""
        checks.require_function(fn, decorator)
        place = checks.place_of(fn)
        name, is_method = checks.name_for(fn, self._name, place), checks.is_method(fn)
        is_async = inspect.iscoroutinefunction(fn)
        if self._in_process:
            _require_of_module(fn, is_async=is_async, is_method=is_method, place=place)
        return ActivityDefinition(
            name,
            fn,
            Signature(fn, name, is_method=is_method),
            is_async,
            self._options,
            self._errors.refusals,
            self._errors.retry_if,
            is_method=is_method,
            executor=PROCESS if self._in_process else LOOP if is_async else THREAD,
            type_limits=self._type_limits,
        )


def _require_of_module(fn: Callable[..., Any], *, is_async: bool, is_method: bool, place: str) -> None:
    """A process finds a function by its module and name. Raises ConfigurationError when it cannot find this one."""
    if is_async or is_method or "<locals>" in fn.__qualname__:
        what = "async" if is_async else "a method" if is_method else "inside another function"
        raise ConfigurationError(
            f'Expected an ordinary function of a module for executor="process", whose process imports it, but '
            f"{fn.__qualname__} is {what} ({place})."
        )
