"""What workflow code asks its namespace: ids, sleeps, the logger."""

from __future__ import annotations

import asyncio
import logging
import uuid
from datetime import timedelta

import pytest
from script import Script, fetch, result

from sagaline import SagalineError, workflow
from sagaline._model import events as e
from sagaline._runtime.bugs import WorkflowBug


def test_uuid7_begins_with_the_time_and_is_the_same_in_replay() -> None:
    @workflow
    async def ids() -> list[str]:
        first = [str(workflow.uuid7()) for _ in range(50)]
        await fetch("a")
        return [*first, str(workflow.uuid7())]

    script = Script(ids)
    began = script.now_ms
    script.step(e.ActivityCompleted(1, 1, b'"x"'), after_ms=7)
    made = [uuid.UUID(text) for text in result(script.commands).decode()[2:-2].split('","')]
    assert all((each.version, each.variant) == (7, uuid.RFC_4122) for each in made)
    assert [each.int >> 80 for each in made] == [began] * 50 + [began + 7]
    assert len(set(made)) == 51
    assert max(made[:50]) < made[50]
    script.check_replay()


@pytest.mark.parametrize("duration", [90, "1.5m", timedelta(minutes=1.5)])
def test_sleep_takes_any_duration(duration: float | str | timedelta) -> None:
    @workflow
    async def nap() -> None:
        await workflow.sleep(duration)

    script = Script(nap)
    (timer,) = script.commands
    assert isinstance(timer, e.TimerStarted)
    assert timer.due_at == script.now_ms + 90_000


def test_sleep_of_nothing_lets_others_go_on_and_nonsense_is_refused() -> None:
    @workflow
    async def naps() -> list[str]:
        seen: list[str] = []

        async def other() -> None:
            seen.append("other")

        task = asyncio.create_task(other())
        await workflow.sleep(0)
        seen.append("me")
        await task
        return seen

    assert result(Script(naps).commands) == b'["other","me"]'

    @workflow
    async def nonsense() -> None:
        await workflow.sleep("soon")

    with pytest.raises(WorkflowBug, match="but got 'soon'"):
        Script(nonsense)


def test_the_logger_is_silent_in_replay_and_names_the_run(caplog: pytest.LogCaptureFixture) -> None:
    @workflow
    async def talks() -> None:
        workflow.logger.info("began with %d", 1, extra={"sku": "A", "run_id": "mine"})
        await fetch("a")
        workflow.logger.info("went on")

    with caplog.at_level(logging.INFO, "sagaline.workflow"):
        script = Script(talks)
        script.done(1)
        script.check_replay()
    texts = [record.getMessage() for record in caplog.records]
    assert texts.count("[w] began with 1") == 1
    first, second = caplog.records[:2]
    assert (first.workflow_id, first.workflow, first.sku, first.run_id) == ("w", "talks", "A", "mine")
    assert (second.workflow_id, second.run_id) == ("w", "r")


@pytest.mark.parametrize("ask", [workflow.now, workflow.random, workflow.uuid4, workflow.uuid7, workflow.info])
def test_outside_of_a_workflow_they_say_so(ask: object) -> None:
    with pytest.raises(SagalineError, match="inside a workflow that a worker runs but it was called outside"):
        ask()  # type: ignore[operator]
