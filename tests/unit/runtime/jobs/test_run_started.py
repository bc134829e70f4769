"""The run begins."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from script import Script, fetch, names, result, setup_of

from sagaline import workflow
from sagaline._model import events as e
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.instance import Instance
from sagaline._runtime.jobs import JOBS, in_order
from sagaline._runtime.run import RunInfo
from sagaline.errors import InvalidInput


@workflow
async def greet(name: str, *, loud: bool = False) -> str:
    started = workflow.info().started_at
    await fetch(name)
    assert workflow.info().started_at == started
    return f"{started:%S.%f} {name}{'!' if loud else ''}"


def test_the_function_is_called_with_its_input() -> None:
    script = Script(greet, b'["Ada",true]')
    script.done(1)
    assert result(script.commands) == f'"{datetime.fromtimestamp(1.001, UTC):%S.%f} Ada!"'.encode()
    script.check_replay()


def test_input_that_was_read_before_is_not_read_again() -> None:
    instance = Instance(RunInfo(greet.definition, "w", "r"), setup_of(greet))
    instance.take_input(b'["Ada"]')
    commands = instance.activate([e.RunStarted("greet", b"never read", "q", "", 0, "")], 1)
    assert names(commands) == ["fetch"]


def test_input_that_does_not_fit_is_told_before_the_run_begins_and_parks_it_after() -> None:
    instance = Instance(RunInfo(greet.definition, "w", "r"), setup_of(greet))
    with pytest.raises(InvalidInput, match="Expected the input of greet but name"):
        instance.take_input(b"[7]")
    with pytest.raises(WorkflowBug, match="Expected the input of greet but name"):
        instance.activate([e.RunStarted("greet", b"[7]", "q", "", 0, "")], 1)


def test_it_comes_before_everything_else_in_its_activation() -> None:
    started, cancel = e.RunStarted("greet", b"[]", "q", "", 0, ""), e.CancelRequested("q", "why")
    fired, done = e.TimerFired(2), e.ActivityCompleted(1, 1, b"null")
    assert list(in_order([cancel, fired, started, done])) == [started, fired, done, cancel]
    assert set(JOBS) <= {*e.EVENTS}
    assert not set(JOBS) & e.COMMANDS
