"""A step of a run that has limits asks for all of them before it is scheduled, and gives back when its outcome is
known; a run that has limits asks before its code begins, and gives back with its end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from sagaline._model.activities import AttemptLimits
from sagaline._model.flow import NORMAL, short_key
from sagaline._model.limits import FLOW_REQUESTS
from sagaline._runtime.calls import FORWARD, Calls
from sagaline._runtime.definitions import ActivityDefinition
from sagaline._runtime.flow.keys import KeyedLimit, Wanted
from sagaline._runtime.flow.requests import Standing, ask, asks_here


async def call(calls: Calls, activity: ActivityDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls an activity that has limits, when they let it begin, and waits for its outcome. What cleans up while a saga
    rolls back asks for nothing."""
    if calls.phase != FORWARD or calls.sagas.is_stopping(calls.sagas.here()):
        return await calls.call(activity, args, kwargs)
    values = activity.signature.ordered(args, kwargs)
    if activity.fairness is not None:
        activity = _of_key(activity, short_key(activity.fairness.text(values)))
        if not activity.flow:
            return await calls.call(activity, args, kwargs)
    limits = activity.options.limits
    slots = _Slots(calls)
    await slots.ask([limit.wanted(values) for limit in activity.flow], limits.priority or NORMAL if limits else NORMAL)
    number = calls.table.count + 1
    watch = asyncio.get_running_loop().call_soon(slots.keep_for, number)
    try:
        return await calls.call(activity, args, kwargs)
    finally:
        if number not in calls.table.activities:  # its arguments were refused
            watch.cancel()
            slots.give_back()


def _of_key(activity: ActivityDefinition, key: str) -> ActivityDefinition:
    options = activity.options
    limits = msgspec.structs.replace(options.limits or AttemptLimits(), fairness_key=key)
    return replace(activity, options=replace(options, limits=limits))


async def run(
    calls: Calls, limits: Sequence[KeyedLimit], values: Sequence[Any], body: Callable[[], Coroutine[Any, Any, Any]]
) -> Any:
    """Runs a workflow's code when its limits let it begin. What it holds goes with the end of the last run that goes on
    from this one: those have it already."""
    held: list[Standing] = []
    inherited = set(calls.table.others.wills.values()) if calls.table.others is not None else set[str]()
    try:
        for limit in limits:
            wanted = limit.wanted(values)
            if wanted.limit_id not in inherited and asks_here(calls):
                await ask(calls, wanted, NORMAL, held)
    except BaseException:
        for standing in held:
            standing.give_back()
        raise
    return await body()


class _Slots:
    """What one step asks for, and has."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._gate = gate_of(calls)
        self._held: list[Standing] = []
        self.places = 0
        """That it takes of the gate."""

    async def ask(self, limits: Sequence[Wanted], priority: int) -> None:
        """Returns when all were granted, one after the other, in the same order for all steps: so no two wait for each
        other. When it is cancelled meanwhile, what it has got is given back."""
        try:
            await self._gate.enter(self, len(limits))
            for wanted in limits:
                if not asks_here(self._calls):
                    break
                await ask(self._calls, wanted, priority, self._held)
        except BaseException:
            self.give_back()
            raise

    def keep_for(self, number: int) -> None:
        """Behind the call of a step: all is given back when its outcome is known, whoever still waits for that."""
        step = self._calls.table.activities[number]
        settled = self._calls.create_future()
        settled.add_done_callback(lambda _: self.give_back())
        step.waiters = [*(step.waiters or ()), settled]

    def give_back(self) -> None:
        """Once."""
        held, self._held = self._held, []
        for standing in held:
            standing.give_back()
        self._gate.leave(self)


class Gate:
    """Steps of a run that stand at limits: so many requests at a time, the others wait in the run, in order."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._room = FLOW_REQUESTS
        self._waiting: deque[tuple[_Slots, int, asyncio.Future[None]]] = deque()
        self._inside: dict[_Slots, None] = {}

    async def enter(self, slots: _Slots, places: int) -> None:
        """Returns when there is room."""
        if not self._waiting and places <= self._room:
            self._take(slots, places)
            return
        entry = (slots, places, self._calls.create_future())
        self._waiting.append(entry)
        try:
            await entry[2]
        except BaseException:
            if entry in self._waiting:
                self._waiting.remove(entry)
            raise

    def leave(self, slots: _Slots) -> None:
        """There is room for others; nothing if it has left."""
        if slots not in self._inside:
            return
        del self._inside[slots]
        self._room += slots.places
        while self._waiting and self._waiting[0][1] <= self._room:
            waiting, places, turn = self._waiting.popleft()
            if not turn.done():
                self._take(waiting, places)
                turn.set_result(None)

    def give_all_back(self) -> None:
        """The run goes on as another one, which has none of its steps."""
        self._waiting.clear()
        for slots in list(self._inside):
            slots.give_back()

    def _take(self, slots: _Slots, places: int) -> None:
        self._room -= places
        slots.places = places
        self._inside[slots] = None


def gate_of(calls: Calls) -> Gate:
    """That of the run."""
    others = calls.table.to_others()
    gate: Gate | None = others.gate
    if gate is None:
        gate = others.gate = Gate(calls)
    return gate
