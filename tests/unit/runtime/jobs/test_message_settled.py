"""Messages to other runs, as the code that sends them sees it."""

from __future__ import annotations

import asyncio

import pytest
from script import Script, names

from sagaline import MessageError, Signal, workflow
from sagaline._model import events as e
from sagaline._model import limits
from sagaline._model.failure import Failure
from sagaline._runtime.bugs import UnknownStep, WorkflowBug

told = Signal[int]("told")


@workflow
async def sender() -> str:
    try:
        await workflow.external("other").signal(told, 1)
        await workflow.external("other", "run-7").cancel("enough")
    except MessageError as error:
        return error.type
    return "done"


def test_a_message_is_waited_for_until_it_is_settled() -> None:
    script = Script(sender)
    assert script.commands == [e.MessageRequested(1, "other", "", "told", b"[1]", "")]
    assert script.step(e.MessageSettled(1)) == [e.MessageRequested(2, "other", "run-7", "", b"", "enough")]
    assert script.step(e.MessageSettled(2)) == [e.RunCompleted(b'"done"')]
    script.check_replay()


def test_a_refusal_is_raised_with_its_type() -> None:
    script = Script(sender)
    assert script.step(e.MessageSettled(1, Failure("RunEnded", "it has ended"))) == [e.RunCompleted(b'"RunEnded"')]
    script.check_replay()


def test_a_refusal_that_is_let_out_fails_the_run() -> None:
    @workflow
    async def lets_out() -> None:
        await workflow.external("other").signal("told", 1)

    (failed,) = Script(lets_out).step(e.MessageSettled(1, Failure("UnknownSignal", "no")))
    assert isinstance(failed, e.RunFailed)
    assert failed.failure.type == "MessageError"


def test_who_no_longer_waits_hears_nothing_and_the_message_stays_sent() -> None:
    @workflow
    async def impatient() -> str:
        try:
            async with asyncio.timeout(1):
                await workflow.external("other").signal(told, 1)
        except TimeoutError:
            await asyncio.sleep(1)
        return "gone on"

    script = Script(impatient)
    assert sorted(names(script.commands)) == ["MessageRequested", "TimerStarted"]
    (timer,) = (command for command in script.commands if isinstance(command, e.TimerStarted))
    (second,) = script.step(e.TimerFired(timer.step), after_ms=1_000)
    assert isinstance(second, e.TimerStarted)
    (message,) = (c for c in script.history[0].events if isinstance(c, e.MessageRequested))
    assert script.step(e.MessageSettled(message.step)) == []
    script.step(e.TimerFired(second.step), after_ms=1_000)
    assert script.commands == [e.RunCompleted(b'"gone on"')]
    script.check_replay()


def test_a_settlement_that_nobody_has_asked_for_is_a_mismatch() -> None:
    with pytest.raises(UnknownStep):
        Script(sender).step(e.MessageSettled(9))


def test_so_many_messages_are_on_their_way_at_most() -> None:
    @workflow
    async def floods() -> None:
        other = workflow.external("other")
        await asyncio.gather(*(other.signal(told, number) for number in range(limits.MESSAGES_SENT + 1)))

    with pytest.raises(WorkflowBug, match="at most 500 messages to other runs to be on their way"):
        Script(floods)


@pytest.mark.parametrize("wrong", ["no handler", "no id"])
def test_what_is_no_signal_and_no_id_is_said_with_what_was_expected(wrong: str) -> None:
    @workflow
    async def errs() -> None:
        await workflow.external("" if wrong == "no id" else "other").signal(3)  # type: ignore[call-overload]

    with pytest.raises(WorkflowBug, match="Expected a"):
        Script(errs)


def test_a_second_cancellation_by_another_run_cancels_no_more() -> None:
    @workflow
    async def cleans_up() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            await asyncio.sleep(1)
        return "clean"

    script = Script(cleans_up)
    script.step(e.CancelRequested("q", "enough"))
    assert script.step(e.CancelRequested("m", "again", "w2", "r2", 1)) == []
    script.check_replay()
