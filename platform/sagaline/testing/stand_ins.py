"""What is between a worker and its activities: stand-ins, injected faults, and a record of every attempt."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, NoReturn, TypeVar

from sagaline._runtime.activities import ActivityInfo
from sagaline._runtime.checks import place_of, shown
from sagaline._runtime.context import current_activity
from sagaline._runtime.definitions import LOOP, THREAD, ActivityDefinition, Registry
from sagaline.errors import ConfigurationError

R = TypeVar("R")
FaultKind = Literal["error", "time_out", "lost", "then", "held"]
_CALLS = 1_000_000
_THREAD_PATIENCE_S = 60.0


@dataclass(eq=False)
class Call(Generic[R]):
    """One attempt of an activity: what it was given, and what came of it.

    ``arguments`` are by parameter name. ``result`` is set when the function has returned, also when its answer was
    then lost; ``error`` when it has raised, or was made to.
    """

    activity: str
    arguments: dict[str, Any]
    info: ActivityInfo
    result: R | None = None
    error: BaseException | None = None

    @property
    def attempt(self) -> int:
        """Number of the attempt, from 1."""
        return self.info.attempt


@dataclass(frozen=True)
class Fault:
    """What becomes of attempts that it ``hits``.

    ``error``: the function is not called, the error is raised instead. ``time_out``: it is not called, and the
    attempt's time passes. ``lost``: it is called, and its answer is lost. ``then``: it is called, and its answer waits
    for ``then``. ``held``: it waits for ``then`` and is called behind it. ``hits`` is asked on the worker's loop.
    """

    kind: FaultKind
    error: Exception | None = None
    hits: Callable[[ActivityInfo], bool] = lambda info: True
    then: Callable[[ActivityInfo], Coroutine[Any, Any, None]] | None = None


@dataclass
class _Part:
    """How one activity is played."""

    definition: ActivityDefinition
    fn: Callable[..., Any]
    is_real: bool = True
    faults: list[Fault] = field(default_factory=list[Fault])


class StandIns:
    """The activities of a registry, each behind its stand-in. ``expire`` ends an attempt's time, by run id and step."""

    def __init__(self, registry: Registry, expire: Callable[[str, int], None]) -> None:
        self._expire = expire
        self._parts: dict[str, _Part] = {}
        self._lock = threading.Lock()
        self.loop: asyncio.AbstractEventLoop | None = None
        """The loop of the worker, once it runs."""
        self.calls: list[Call[Any]] = []
        """Every attempt, in the order in which they began."""
        self.use(registry)

    def use(self, registry: Registry) -> None:
        """Plays the activities of another registry too; stand-ins and faults stay."""
        self._registry = registry
        for definition in list(registry.activities.values()):
            part = self._parts.get(definition.name)
            if part is None or part.is_real:
                faults = [] if part is None else part.faults
                self._parts[definition.name] = _Part(definition, definition.fn, faults=faults)
        for name in self._parts:
            self._register(name)

    def stand_in(self, definition: ActivityDefinition, fn: Callable[..., Any]) -> None:
        """Plays the activity by ``fn``. Raises ConfigurationError when it does not take the same arguments."""
        _check_signature(definition, fn)
        before = self._part(definition)
        self._parts[definition.name] = replace(before, fn=fn, is_real=False)
        self._register(definition.name)

    def add_fault(self, definition: ActivityDefinition, fault: Fault) -> None:
        """From now on; the newest fault that hits an attempt counts."""
        self._part(definition).faults.insert(0, fault)

    def remove_fault(self, definition: ActivityDefinition, fault: Fault) -> None:
        """It hits no attempt any more."""
        faults = self._part(definition).faults
        if fault in faults:
            faults.remove(fault)

    def definition(self, name: str) -> ActivityDefinition:
        """An activity by its name. Raises ConfigurationError when there is none."""
        if name not in self._parts:
            raise ConfigurationError(f"Expected an activity of the environment but {name!r} is none.")
        return self._parts[name].definition

    def _part(self, definition: ActivityDefinition) -> _Part:
        part = self._parts.get(definition.name)
        if part is None:
            for known in (definition, definition.compensation):
                if known is not None and known.name not in self._parts:
                    self._parts[known.name] = _Part(known, known.fn)
                    self._register(known.name)
            part = self._parts[definition.name]
        return part

    def _register(self, name: str) -> None:
        part = self._parts[name]
        is_async = part.definition.is_async or not part.is_real
        play = self._play if is_async else self._play_in_thread

        def played(*args: Any, **kwargs: Any) -> Any:
            return play(part, args, kwargs)

        functools.update_wrapper(played, part.fn)  # errors name the user's file and line
        self._registry.activities[name] = replace(
            part.definition, fn=played, is_async=is_async, executor=LOOP if is_async else THREAD
        )

    @property
    def definitions(self) -> list[ActivityDefinition]:
        """All activities, compensations too."""
        return [part.definition for part in self._parts.values()]

    # One attempt

    def _begin(self, part: _Part, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call[Any]:
        definition, info = part.definition, current_activity.get().info()
        names = [parameter.name for parameter in definition.signature.parameters]
        call: Call[Any] = Call(definition.name, {**dict(zip(names, args, strict=False)), **kwargs}, info)
        with self._lock:
            if len(self.calls) >= _CALLS:
                raise ConfigurationError(f"Expected at most {_CALLS} attempts in one environment but there are more.")
            self.calls.append(call)
        return call

    async def _fault(self, part: _Part, info: ActivityInfo) -> Fault | None:
        """What becomes of an attempt. One that is held has been, and goes on as if nothing was."""
        fault = next((fault for fault in part.faults if fault.hits(info)), None)
        if fault is None or fault.kind != "held" or fault.then is None:
            return fault
        await fault.then(info)
        return None

    async def _play(self, part: _Part, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = self._begin(part, args, kwargs)
        try:
            fault = await self._fault(part, call.info)
            if fault is not None and fault.kind == "error":
                _raise(fault)
            if fault is None or fault.kind != "time_out":
                result = part.fn(*args, **kwargs)
                call.result = await result if inspect.isawaitable(result) else result
            if fault is None:
                return call.result
            if fault.then is not None:
                await fault.then(call.info)
                return call.result
            self._expire(call.info.run_id, call.info.step)
            return await asyncio.get_running_loop().create_future()
        except BaseException as error:
            call.error = error
            raise

    def _play_in_thread(self, part: _Part, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = self._begin(part, args, kwargs)
        try:
            fault = self._on_loop(self._fault(part, call.info)) if part.faults else None
            if fault is not None and fault.kind == "error":
                _raise(fault)
            if fault is None or fault.kind != "time_out":
                call.result = part.fn(*args, **kwargs)
            if fault is not None:
                self._on_loop(self._expire_soon(call.info) if fault.then is None else fault.then(call.info))
            return call.result
        except BaseException as error:
            call.error = error
            raise

    def _on_loop(self, action: Coroutine[Any, Any, R]) -> R:
        """What comes of it on the loop, for an attempt in a thread."""
        if self.loop is None:
            raise ConfigurationError("Expected an environment that is open but it is not.")
        return asyncio.run_coroutine_threadsafe(action, self.loop).result(_THREAD_PATIENCE_S)

    async def _expire_soon(self, info: ActivityInfo) -> None:
        self._expire(info.run_id, info.step)


def _raise(fault: Fault) -> NoReturn:
    error = fault.error or RuntimeError("no error was given")
    raise error.with_traceback(None)


def attempts_in(attempts: Iterable[int] | None) -> Callable[[ActivityInfo], bool]:
    """Whether an attempt is among those that are meant; None means all. Raises ConfigurationError."""
    if attempts is None:
        return lambda info: True
    numbers = frozenset(attempts)
    if not numbers or not all(isinstance(number, int) and number >= 1 for number in numbers):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError(f"Expected attempts to be numbers from 1, such as [1, 2], but got {shown(numbers)}.")
    return lambda info: info.attempt in numbers


def _check_signature(definition: ActivityDefinition, fn: Callable[..., Any]) -> None:
    if not callable(fn):
        raise ConfigurationError(f"Expected a function as the stand-in of {definition.name} but got {shown(fn)}.")
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):  # of a function in C
        return
    parameters = definition.signature.parameters
    keywords = {parameter.name: None for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
    try:
        signature.bind(*[None] * (len(parameters) - len(keywords)), **keywords)
    except TypeError as error:
        wanted = ", ".join(str(parameter) for parameter in parameters)
        raise ConfigurationError(
            f"Expected the stand-in of {definition.name} ({definition.place}) to take its arguments ({wanted}) but "
            f"{place_of(fn)} takes {signature}: {error}."
        ) from error
