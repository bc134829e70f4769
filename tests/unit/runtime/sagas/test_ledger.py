"""The ledger of a saga that continues as new: nothing that may have happened is lost on the way."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from script import Script, fetch, names, setup_of, store

from sagaline import ApplicationError, saga, workflow
from sagaline._model import events as e
from sagaline._model import limits
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.instance import Instance
from sagaline._runtime.run import RunInfo
from sagaline._runtime.sagas import ledger


@saga
async def rounds(left: int) -> None:
    await store(f"a{left}")
    await store(f"b{left}")
    if left:
        rounds.continue_as_new(left - 1)
    raise ApplicationError("the last one fails")


def carried(script: Script) -> e.LedgerCarried:
    ledger_event, last = script.commands[-2:]
    assert isinstance(ledger_event, e.LedgerCarried)
    assert isinstance(last, e.RunContinued)
    return ledger_event


class Next(Script):
    """The run as which another goes on, with what that one has left; ``also``: what comes with its start."""

    def __init__(self, code: Any, arguments: bytes, left: e.LedgerCarried, *also: e.Event, run_id: str = "r2") -> None:
        self.setup, self.flags, self.rebuilds = setup_of(code), RunInfo(code.definition, "w", "r").flags, False
        self.instance = Instance(RunInfo(code.definition, "w", run_id, self.flags), self.setup)
        self.history, self.now_ms = [], 1_000
        started = e.RunStarted(code.name, arguments, "q", "", 0, "", "r", "r")
        self.step(started, e.LedgerInherited(left.steps, left.ledger), *also)


def undone(script: Script) -> list[tuple[str, int | None, bytes]]:
    """What a rollback asks for, one after the other, until the run has ended."""
    calls: list[tuple[str, int | None, bytes]] = []
    while isinstance(script.commands[-1], e.ActivityScheduled):
        (call,) = script.commands
        calls.append((call.compensates_run, call.compensates, call.input))
        script.done(call.step, b"null")
    return calls


def test_the_last_run_undoes_its_own_steps_and_then_those_of_the_runs_before() -> None:
    first = Script(rounds, b"[2]")
    first.done(1, b'"A"')
    first.fails(2, "Timeout")
    assert isinstance(first.commands[-1], e.RunFailed) or names(first.commands) == ["remove"]  # it was let out

    first = Script(rounds, b"[2]")
    first.done(1, b'"A"')
    first.done(2, b'"B"')
    left = carried(first)
    first.check_replay()
    assert left.steps == 2
    assert [undo.step for undo in ledger.read(left.ledger)] == [1, 2]
    assert bytes(ledger.read(left.ledger)[0].input) == b'["a2","A"]'

    second = Next(rounds, b"[1]", left)
    second.done(1)
    second.done(2)
    third = Next(rounds, b"[0]", carried(second), run_id="r3")
    second.check_replay()
    third.done(1)
    third.done(2)
    assert undone(third) == [
        ("", 2, b'["b0","ok"]'),
        ("", 1, b'["a0","ok"]'),
        ("r2", 2, b'["b1","ok"]'),
        ("r2", 1, b'["a1","ok"]'),
        ("r", 2, b'["b2","B"]'),
        ("r", 1, b'["a2","A"]'),
    ]
    (end,) = third.commands
    assert isinstance(end, e.RunFailed)
    assert end.rolled_back
    third.check_replay()


def test_steps_without_effect_and_of_no_compensation_stay_behind() -> None:
    @saga
    async def clean() -> None:
        await fetch("a")
        try:
            await store("b")
        finally:
            workflow.continue_as_new()

    script = Script(clean)
    script.done(1)
    assert names(script.fails(2, clean=True)) == ["RunContinued"]
    script.check_replay()
    script = Script(clean)
    script.done(1)
    script.fails(2, "Timeout")  # who knows
    (undo,) = ledger.read(carried(script).ledger)
    assert (undo.outcome, bytes(undo.input)) == ("unknown", b'["b",null]')


@saga
async def impatient() -> None:
    async def beside() -> None:
        await asyncio.sleep(0.01)
        for _ in range(100):
            await store("never")

    task = asyncio.create_task(beside())
    try:
        async with asyncio.timeout(0.001):
            await store("slow")
    except TimeoutError:
        pass
    assert not task.done()
    impatient.continue_as_new()


def impatient_script() -> Script:
    script = Script(impatient)
    assert names(script.commands) == ["TimerStarted", "store", "TimerStarted"] or len(script.commands) == 3
    timers = [command for command in script.commands if isinstance(command, e.TimerStarted)]
    first = min(timers, key=lambda timer: timer.due_at)
    script.step(e.TimerFired(first.step), after_ms=5)
    assert "RunContinued" not in names(script.commands)
    return script


def test_a_step_whose_outcome_is_not_known_is_waited_for_and_nothing_else_goes_on() -> None:
    script = impatient_script()
    (call,) = (c for r in script.history for c in r.events if isinstance(c, e.ActivityScheduled))
    assert "TimerCancelled" in names(script.commands)  # what ran beside was stopped
    script.done(call.step, b'"late"')
    (undo,) = ledger.read(carried(script).ledger)
    assert bytes(undo.input) == b'["slow","late"]'
    script.check_replay()


def test_a_cancellation_while_it_waits_rolls_back_instead() -> None:
    script = impatient_script()
    (call,) = (c for r in script.history for c in r.events if isinstance(c, e.ActivityScheduled))
    assert script.step(e.CancelRequested("q", "enough")) == []
    assert names(script.done(call.step)) == ["remove"]
    script.done(script.commands[0].step, b"null")  # type: ignore[union-attr]
    assert script.commands == [e.RunCancelled("enough", True)]
    script.check_replay()


@pytest.mark.parametrize("stop", [e.CancelRequested("q", "enough"), e.RunTimedOut()], ids=["cancel", "time-out"])
def test_a_run_that_is_stopped_with_its_start_undoes_what_it_inherits(stop: e.Event) -> None:
    """It was parked, say: all of this comes when it goes on."""
    first = Script(rounds, b"[1]")
    first.done(1)
    first.done(2)
    second = Next(rounds, b"[0]", carried(first), stop)
    assert names(second.commands) == ["store", "ActivityCancelRequested"]
    second.fails(1, "Cancelled", clean=True)
    assert [(run, step) for run, step, _ in undone(second)] == [("r", 2), ("r", 1)]
    assert isinstance(second.commands[-1], e.RunCancelled | e.RunFailed)
    assert second.commands[-1].rolled_back
    second.check_replay()


def test_too_much_to_carry_parks_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    @saga
    async def heavy(text: str) -> None:
        await store(text)
        heavy.continue_as_new(text)

    text = "x" * (limits.CARRIED_BYTES + 1)
    script = Script(heavy, msgspec.json.encode([text]))
    with pytest.raises(WorkflowBug, match="at most 1,000 steps to undo, with 256,000 bytes of arguments, but it has 1"):
        script.done(1)
    monkeypatch.setattr(limits, "CARRIED_STEPS", 1)
    script = Script(rounds, b"[1]")
    script.done(1)
    with pytest.raises(
        WorkflowBug, match=r"references instead of data, or leave children out .* options\(undo=False\)"
    ):
        script.done(2)


def test_a_workflow_that_is_no_saga_any_more_loses_nothing() -> None:
    @workflow(name="rounds")
    async def plain(left: int) -> None: ...

    first = Script(rounds, b"[1]")
    first.done(1)
    first.done(2)
    with pytest.raises(WorkflowBug, match="Expected rounds to be a saga, for the run before has left 2 steps to undo"):
        Next(plain, b"[0]", carried(first))


def test_a_compensation_that_is_gone_parks_with_its_name() -> None:
    undo = b'[{"run_id":"r","step":1,"activity":"x","outcome":"completed","compensation":"gone","input":[]}]'
    second = Next(rounds, b"[0]", e.LedgerCarried(1, undo))
    second.done(1)
    second.done(2)
    second.done(3, b"null")
    with pytest.raises(WorkflowBug, match="Expected activity 'gone' to be registered"):
        second.done(4, b"null")
