"""A signal has come: its handler begins, or it waits in its channel."""

from __future__ import annotations

import asyncio

import pytest
from message_sagas import Basket, Item, Strict, adds, note, numbers, patient, words
from script import Script, names, result

from sagaline import saga, workflow
from sagaline._model import events as e
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.definitions import Registry
from sagaline._runtime.replaying import replay
from sagaline._runtime.setup import Setup


def script_of(code: object, arguments: bytes = b"[]", **options: bool) -> Script:
    return Script(code, arguments, setup=Setup(Registry([code.definition], [note.definition])), **options)  # type: ignore[attr-defined]


def sent(name: str, payload: bytes = b"[]", message: str = "m") -> e.SignalReceived:
    return e.SignalReceived(message, name, payload)


def test_handlers_begin_in_order_before_anything_else_of_the_activation() -> None:
    script = script_of(Strict.run, b"[3]")
    script.step(sent("put", b"[7]"), sent("put", b"[8]"))
    assert script.commands == [e.SignalsHandled((1, 2))]
    script.step(sent("put", b"[9]"))
    assert result(script.commands) == b"[7,8,9]"
    assert script.commands[0] == e.SignalsHandled((3,))
    script.check_replay()


def test_names_dynamic_handlers_and_handlers_that_wait() -> None:
    script = script_of(Basket.run)
    script.step(
        sent("add", b'[{"name":"a"}]'), sent("add-many", b'["b",2]'), sent("odd", b"[1]"), sent("write", b'["t"]')
    )
    assert names(script.commands) == ["note", "SignalsHandled"]
    script.done(1, b'"noted"')
    script.step(sent("close"))
    assert result(script.commands) == b'["a:1","b:2","noted","odd[1]"]'
    script.check_replay()


def test_signals_of_the_first_activation_are_handled_before_the_run() -> None:
    @workflow
    class Greedy:
        def __init__(self) -> None:
            self.seen: list[int] = []

        @workflow.signal
        def put(self, number: int) -> None:
            self.seen.append(number)

        @workflow.run
        async def run(self) -> list[int]:
            return self.seen

    script = script_of(Greedy.run)
    script.history.clear()
    instance = type(script.instance)(script.instance.info, script.setup)
    commands = instance.activate([e.RunStarted("Greedy", b"[]", "q", "", 0, ""), sent("put", b"[1]")], 5)
    assert commands == [e.SignalsHandled((1,)), e.RunCompleted(b"[1]")]


def test_a_function_receives_what_waits_in_order_and_what_comes() -> None:
    script = script_of(adds, b"[3]")
    script.step(sent("words", b'["x"]'), sent("numbers", b"[1]"), sent("numbers", b"[2]"))
    assert script.commands == [e.SignalsHandled((2, 3))]
    script.step(sent("numbers", b"[4]"))
    assert script.commands == [e.SignalsHandled((4,)), e.RunCompleted(b"7")]
    script.check_replay()


def test_a_receive_that_times_out_as_its_signal_comes_takes_none_with_it() -> None:
    script = script_of(patient, b"[5]")
    script.step(e.TimerFired(1), sent("words", b'["late"]'), after_ms=5_000)
    assert result(script.commands) == b'"late"'
    script = script_of(patient, b"[5]")
    script.step(e.TimerFired(1), after_ms=5_000)
    assert result(script.commands) == b'"nothing"'


def test_a_cancelled_receive_leaves_its_signal_to_the_next() -> None:
    @workflow(signals=[numbers])
    async def two() -> list[int]:
        first = asyncio.create_task(numbers.receive())
        second = asyncio.create_task(numbers.receive())
        await asyncio.sleep(1)
        first.cancel()
        return [await second, numbers.waiting()]

    script = script_of(two)
    script.step(e.TimerFired(1), sent("numbers", b"[1]"), sent("numbers", b"[2]"), after_ms=1_000)
    assert result(script.commands) in (b"[1,1]", b"[2,0]")
    script.check_replay()


def test_iterating_a_signal() -> None:
    @workflow(signals=[numbers])
    async def until_zero() -> int:
        total = 0
        async for number in numbers:
            if not number:
                break
            total += number
        return total

    script = script_of(until_zero)
    script.step(sent("numbers", b"[1]"), sent("numbers", b"[2]"), sent("numbers", b"[0]"), sent("numbers", b"[5]"))
    assert result(script.commands) == b"3"
    script.check_replay()


def test_what_a_handler_raises_parks_the_run() -> None:
    @workflow
    class Broken:
        @workflow.signal
        def now(self) -> None:
            raise LookupError("no such thing")

        @workflow.signal
        async def later(self) -> None:
            await asyncio.sleep(0)
            raise LookupError("no such thing")

        @workflow.run
        async def run(self) -> None:
            await asyncio.sleep(60)

    for name in ("now", "later"):
        with pytest.raises(WorkflowBug, match="no such thing"):
            script_of(Broken.run).step(sent(name))


def test_a_signal_that_the_code_does_not_know_any_more_parks_the_run() -> None:
    with pytest.raises(WorkflowBug, match=r"Expected Strict to handle signal 'gone'.*put") as caught:
        script_of(Strict.run, b"[3]").step(sent("gone"))
    assert caught.value.reason == "mismatch"
    with pytest.raises(WorkflowBug, match="number"):
        script_of(Strict.run, b"[3]").step(sent("put", b'["x"]'))


def test_nothing_begins_while_a_saga_undoes_its_steps() -> None:
    seen: list[str] = []

    @saga
    class Undoing:
        @workflow.signal
        def tell(self, text: str) -> None:
            seen.append(text)

        @workflow.run
        async def run(self) -> None:
            await note("a")

    script = script_of(Undoing.run)
    script.step(e.CancelRequested("q", "why"), sent("tell", b'["before"]'))
    script.step(sent("tell", b'["while"]'))
    assert seen == ["before"]


def test_what_a_run_leaves_behind_is_told(caplog: pytest.LogCaptureFixture) -> None:
    @workflow(signals=[numbers])
    class Hasty:
        @workflow.signal
        async def slow(self) -> None:
            await asyncio.sleep(60)

        @workflow.run
        async def run(self) -> bool:
            await asyncio.sleep(1)
            return workflow.all_handlers_finished()

    script = script_of(Hasty.run)
    script.step(sent("slow"), sent("numbers", b"[1]"), sent("numbers", b"[1]"))
    script.step(e.TimerFired(1), after_ms=1_000)
    assert result(script.commands) == b"false"
    assert "leaves handlers at work: signal slow; signals that were not handled: numbers (2 times)" in caplog.text
    caplog.clear()
    replay(script.setup, script.history)
    assert not caplog.text


def test_the_order_of_handling_is_matched_with_history() -> None:
    script = script_of(adds, b"[2]")
    script.step(sent("words", b'["x"]'), sent("numbers", b"[1]"))

    @workflow(name="adds", signals=[numbers, words])
    async def changed(count: int) -> int:
        await words.receive()
        return await numbers.receive()

    script.setup = Setup(Registry([changed.definition], [note.definition]))
    with pytest.raises(WorkflowBug, match="the handling of signals"):
        replay(script.setup, script.history)


def test_items_are_typed() -> None:
    basket = Basket()
    basket.add(Item("a"))
    assert basket.items == [Item("a")]
