"""Side effects: they run once, history keeps what came of them, and replay gives it back."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec
import pytest
from script import Script, fetch, result, setup_of

from sagaline import SideEffectError, saga, workflow
from sagaline._model import events as e
from sagaline._model.limits import PAYLOAD_BYTES
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.replaying import begin, replay

numbers = itertools.count(1)


@dataclass
class Price:
    cents: int
    currency: str = "EUR"


def price() -> Price:
    return Price(next(numbers))


def effects(script: Script) -> list[e.SideEffectRecorded]:
    return [event for record in script.history for event in record.events if isinstance(event, e.SideEffectRecorded)]


def test_it_runs_once_and_replay_gives_back_what_it_returned() -> None:
    @workflow
    async def quotes() -> int:
        first = workflow.side_effect(price)
        await fetch("a")
        second = workflow.side_effect(price)
        return first.cents * 1_000 + second.cents

    script = Script(quotes)
    script.done(2)
    first, second = effects(script)
    assert (first.step, first.name, second.step) == (1, "price", 3)
    assert first.result != second.result
    before = next(numbers)
    assert replay(script.setup, script.history[:1]).unwritten == []
    rebuilt = replay(script.setup, script.history).instance
    assert rebuilt.finished
    assert next(numbers) == before + 1, "replay has called nothing"


def test_its_result_goes_on_to_what_follows_also_of_a_rebuilt_run() -> None:
    @workflow
    async def named() -> str:
        await fetch("a")
        name = workflow.side_effect(lambda: f"n{next(numbers)}")
        await fetch("b")
        await fetch(name)
        return name

    script = Script(named, rebuilds=True)
    script.done(1)
    script.done(3)
    (recorded,) = effects(script)
    assert isinstance(asked := script.commands[0], e.ActivityScheduled)
    assert asked.input == b"[" + recorded.result + b"]"
    assert result(script.done(4)) == recorded.result


def test_what_it_raises_is_recorded_and_raised_again() -> None:
    asked: list[int] = []

    def breaks() -> int:
        asked.append(1)
        raise ValueError("no such table")

    @workflow
    async def careful() -> str:
        try:
            workflow.side_effect(breaks)
        except SideEffectError as error:
            return f"{error.type} of {error.name}: {error.failure.message}"
        return "not reached"

    script = Script(careful)
    assert result(script.commands) == b'"ValueError of breaks: no such table"'
    script.check_replay()
    assert asked == [1]


def test_let_out_it_fails_the_run_and_a_saga_rolls_back() -> None:
    @saga
    async def careless() -> None:
        workflow.side_effect(partial(int, "x"), name="parse")

    script = Script(careless)
    assert isinstance(failed := script.commands[-1], e.RunFailed)
    assert (failed.failure.type, failed.rolled_back) == ("ValueError", True)
    script.check_replay()


@pytest.mark.parametrize(
    ("fn", "type"),
    [
        (lambda: object(), "InvalidOutput"),
        (lambda: {1, 2}, "InvalidOutput"),
        (lambda: Price(3), "InvalidOutput"),  # says no type, so a dict would come back
        (uuid.uuid4, "InvalidOutput"),
        (lambda: "x" * (PAYLOAD_BYTES + 1), "PayloadTooLarge"),
        (lambda: asyncio.sleep(1), "InvalidOutput"),
    ],
)
def test_a_result_that_cannot_be_recorded_is_an_error_at_the_call(fn: Callable[[], object], type: str) -> None:
    @workflow
    async def catches() -> str:
        try:
            workflow.side_effect(fn)
        except SideEffectError as error:
            return error.type
        return "not reached"

    script = Script(catches)
    assert result(script.commands) == f'"{type}"'.encode()
    script.check_replay()


def test_another_function_or_another_place_does_not_fit_and_calls_nothing() -> None:
    @workflow
    async def steps() -> None:
        workflow.side_effect(price)
        await fetch("a")

    script = Script(steps)
    asked: list[int] = []

    def counted() -> int:
        asked.append(1)
        return 1

    @workflow(name=steps.name)
    async def renamed() -> None:
        workflow.side_effect(counted)
        await fetch("a")

    @workflow(name=steps.name)
    async def one_more() -> None:
        workflow.side_effect(price)
        try:
            workflow.side_effect(counted)
        except BaseException:
            pass
        await fetch("a")

    @workflow(name=steps.name)
    async def one_less() -> None:
        await fetch("a")

    for code, actual in ((renamed, "'counted' as step 1"), (one_more, "'counted' as step 2"), (one_less, "as step 1")):
        with pytest.raises(WorkflowBug) as caught:
            replay(setup_of(code), script.history)
        assert caught.value.reason == "mismatch"
        assert f"but the code asks for {'activity' if code is one_less else 'side effect'}" in str(caught.value)
        assert actual in str(caught.value)
    assert asked == []

    @workflow(name=steps.name)
    async def other_type() -> None:
        def price() -> list[str]:
            return []

        workflow.side_effect(price)
        await fetch("a")

    with pytest.raises(WorkflowBug, match="Expected the recorded result of side effect price"):
        replay(setup_of(other_type), script.history)


def test_a_name_of_its_own_lets_the_function_change() -> None:
    @workflow
    async def steps() -> int:
        cents = workflow.side_effect(lambda: 7, name="price")
        await fetch("a")
        return cents

    script = Script(steps)

    @workflow(name=steps.name)
    async def now() -> int:
        price = workflow.side_effect(price_in_cents, name="price")
        await fetch("a")
        return price

    instance = replay(setup_of(now), script.history).instance
    assert result(instance.activate([e.ActivityCompleted(2, 1, b'"a"')], 9_000)) == b"7"


def price_in_cents() -> int:
    return 8


def test_of_an_activation_that_was_cut_off_what_is_missing_runs_when_it_is_finished_and_only_then() -> None:
    @workflow
    async def steps() -> None:
        await asyncio.gather(fetch("a"), named("first"), named("second"))

    async def named(name: str) -> None:
        await fetch(f"{name} {workflow.side_effect(price).cents}")

    script = Script(steps)
    (whole,) = script.history
    started, *commands = whole.events
    first = msgspec.structs.replace(whole, events=(started, *commands[:3]), more=True)
    rest = msgspec.structs.replace(whole, first_event_id=5, events=tuple(commands[3:]))
    before = next(numbers)
    assert replay(script.setup, [first, rest]).unwritten == [], "all of it is on record"
    assert len(replay(script.setup, [first]).unwritten) == 1, "who only reads calls nothing"
    assert next(numbers) == before + 1

    owner = begin(script.setup, first)
    owner.feed(first)
    owner.finish(decides=True)
    effect, called = owner.unwritten
    assert isinstance(effect, e.SideEffectRecorded)
    assert (effect.step, effect.result) == (4, b'{"cents":%d,"currency":"EUR"}' % (before + 2))
    assert isinstance(called, e.ActivityScheduled)
    owner.instance.evict()
