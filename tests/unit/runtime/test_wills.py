"""Signals for when the run has ended, as code leaves and withdraws them."""

from __future__ import annotations

import pytest
from script import Script

from sagaline import workflow
from sagaline._model import events as e
from sagaline._model import limits
from sagaline._model.wills import Will
from sagaline._runtime.context import require_instance
from sagaline._runtime.messages import outgoing, wills
from sagaline.errors import PayloadTooLarge, SagalineError


@workflow
async def leaving() -> str:
    calls = require_instance("a test")
    will = wills.leave(calls, "lock", "free", b"[1]")
    await workflow.sleep(1)
    for known in list(calls.table.to_others().wills):
        wills.withdraw(calls, known)
    wills.withdraw(calls, will)
    outgoing.post(calls, "lock", "free", b"[1]")
    return "done"


def test_one_is_left_and_withdrawn_once() -> None:
    script = Script(leaving)
    left, timer = script.commands
    assert left == e.WillLeft(1, "lock", "free", b"[1]")
    assert isinstance(timer, e.TimerStarted)
    withdrawn, posted, _ = script.step(e.TimerFired(timer.step), after_ms=1_000)
    assert withdrawn == e.WillWithdrawn(1, script.history[0].run_id)
    assert posted == e.MessageRequested(3, "lock", "", "free", b"[1]", "")
    script.check_replay()


def test_those_of_the_run_before_are_known_and_can_be_withdrawn() -> None:
    script = Script(leaving, given=[e.WillsInherited((Will("before", 7, "other", "free", b"[2]"),))])
    (timer,) = (command for command in script.commands if isinstance(command, e.TimerStarted))
    withdrawn = script.step(e.TimerFired(timer.step), after_ms=1_000)[:2]
    assert e.WillWithdrawn(7, "before") in withdrawn
    script.check_replay()


@pytest.mark.parametrize(
    ("count", "size", "error"),
    [(limits.WILLS + 1, 1, SagalineError), (1, limits.WILL_BYTES + 1, PayloadTooLarge)],
)
def test_so_many_and_so_large_at_most(count: int, size: int, error: type[SagalineError]) -> None:
    @workflow
    async def greedy() -> str:
        try:
            for _ in range(count):
                wills.leave(require_instance("a test"), "lock", "free", b"1" * size)
        except SagalineError as refused:
            return type(refused).__name__
        return "all"

    assert Script(greedy).commands[-1] == e.RunCompleted(f'"{error.__name__}"'.encode())
