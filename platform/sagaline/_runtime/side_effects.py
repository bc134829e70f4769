"""Side effects: a plain function runs once, here and now, and history keeps what came of it.

Whatever comes of it is recorded, a failure too: code that catches it has gone on by it, so replay has to raise the
same. What has to be refused parks the run instead, and leaves nothing in history.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, cast, get_type_hints

from sagaline._model.events import SideEffectRecorded
from sagaline._model.limits import NAME_BYTES, cut
from sagaline._runtime import checks
from sagaline._runtime.bugs import Evicted
from sagaline._runtime.calls import Calls
from sagaline._runtime.carried import Misfit
from sagaline._runtime.codecs import Codec, codec_of
from sagaline._runtime.context import outside_of
from sagaline._runtime.definitions import Declaration
from sagaline._runtime.failures import failure_of
from sagaline._runtime.frames import caller
from sagaline._runtime.payload_bounds import SMALL_BYTES
from sagaline._runtime.schemas import NoSchema, Undefined
from sagaline._runtime.setup import Setup
from sagaline._runtime.signatures import write_output
from sagaline.errors import (
    ConfigurationError,
    InvalidInput,
    InvalidOutput,
    PayloadTooLarge,
    SagalineError,
    SideEffectError,
)

_KINDS = 1_000


def run(calls: Calls, fn: Callable[[], Any], name: str | None) -> Any:
    """What the function returns, or has returned. Raises SideEffectError, ConfigurationError."""
    commands = calls.commands
    commands.check_reading("call a side effect")
    if commands.closed:
        raise Evicted
    kind, shown = _kind_of(fn), _name_of(fn, name)
    codec = _codec_of(kind, shown)
    number = calls.table.next_number()
    effect = commands.recorded_effect(number, shown)
    if effect is None:
        effect = _called(calls, fn, number, shown, partial(write_output, shown, kind, codec))
    commands.add(effect, len(effect.result))
    if effect.failure is not None:
        raise SideEffectError(shown, effect.failure)
    try:
        return codec.decode(effect.result)
    except Misfit as misfit:  # replayed: the type is another one now
        calls.broken = calls.broken or InvalidInput(
            cut(f"Expected the recorded result of side effect {shown} ({caller()}) to fit but {misfit.text()}.")
        )
        raise calls.broken from misfit


def _called(
    calls: Calls, fn: Callable[[], Any], number: int, name: str, write: Callable[[Any], bytes]
) -> SideEffectRecorded:
    token, ready, loop = outside_of.set(calls), calls.ready_count(), asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        payload = write(_plain(fn(), name))
        _check_size(calls.setup, payload, name)
    except Exception as error:
        return SideEffectRecorded(number, name, b"", failure_of(error))
    except BaseException as error:  # sys.exit() too: nothing may go on by it
        calls.broken = calls.broken or error
        raise
    finally:
        asyncio._set_running_loop(loop)
        outside_of.reset(token)
        if calls.ready_count() != ready:
            calls.broken = calls.broken or SagalineError(
                f"Expected a side effect to change nothing of its workflow but {name} ({caller()}) has woken something "
                f"that waits, which replay would not do. Return a value, and do that behind it."
            )
    return SideEffectRecorded(number, name, payload)


def _plain(value: Any, name: str) -> Any:
    if not inspect.isawaitable(value):
        return value
    if inspect.iscoroutine(value):
        value.close()
    raise InvalidOutput(f"Expected side effect {name} to return a value but it returned something to await: {_ADVICE}.")


def _check_size(setup: Setup, payload: bytes, name: str) -> None:
    if len(payload) > SMALL_BYTES and (size := setup.sealed_size(payload)) > setup.payload_bytes:
        raise PayloadTooLarge(
            f"Expected the result of side effect {name} to have at most {setup.payload_bytes:,} bytes but it has "
            f"{size:,}. Store it, and return a reference to it."
        )


_ADVICE = "what waits is an activity, a function with @activity"


def _kind_of(fn: Any) -> Any:
    """The type that the function says it returns. Raises ConfigurationError when it cannot be a side effect."""
    while isinstance(fn, partial):
        fn = fn.func
    if isinstance(fn, Declaration):
        raise ConfigurationError(
            f"Expected a plain function as a side effect but got {fn.name} ({caller()}), which a workflow calls itself."
        )
    if isinstance(fn, type):
        return cast("Any", fn)
    if not callable(fn):
        raise ConfigurationError(f"Expected a function as a side effect but got {checks.shown(fn)} ({caller()}).")
    code = fn if inspect.isroutine(fn) else type(fn).__call__
    if inspect.iscoroutinefunction(code) or inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code):
        raise ConfigurationError(
            f"Expected a plain function that returns a value as a side effect but {checks.shown(fn)} ({caller()}) is "
            f"async or a generator: {_ADVICE}."
        )
    if not hasattr(code, "__annotations__"):
        return Any  # written in C
    try:
        return get_type_hints(code, include_extras=True).get("return", Any)
    except Exception as error:  # an annotation is an expression, and may raise anything
        raise ConfigurationError(
            f"Expected the type of what {checks.shown(fn)} returns ({caller()}) to be known but it is not: "
            f"{cut(str(error), 200)}. Define it in the module."
        ) from error


def _name_of(fn: Any, name: object) -> str:
    if name is not None:
        return checks.name_for(run, name, caller())
    while isinstance(fn, partial):
        fn = fn.func
    qualified: str = getattr(fn, "__qualname__", type(fn).__qualname__)
    return cut(qualified.rpartition("<locals>.")[2], NAME_BYTES)


_kept_codec_of = lru_cache(_KINDS)(codec_of)


def _codec_of(kind: Any, name: str) -> Codec:
    try:
        return _kept_codec_of(kind) if _is_hashable(kind) else codec_of(kind)
    except (NoSchema, Undefined) as error:
        raise ConfigurationError(
            f"Expected what side effect {name} ({caller()}) returns to be carried as JSON but its type cannot: {error}."
        ) from error


def _is_hashable(kind: Any) -> bool:
    try:
        hash(kind)
    except TypeError:
        return False
    return True
