"""Worker(...): what cannot work is refused where it is given, in words."""

from __future__ import annotations

import functools
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from test_names import without_address

from sagaline import ConfigurationError, SagalineError, Worker, WorkerOptions, activity, workflow


@activity
async def charge(cents: int) -> None: ...


@workflow
async def order(cents: int) -> None: ...


class Payments:
    @activity
    async def refund(self, cents: int) -> None: ...


async def plain(cents: int) -> None: ...


def make(**given: Any) -> Worker:
    return Worker(**{"url": "memory://n", "workflows": [order], "activities": [charge]} | given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"activities": [plain]}, r"put @activity on it"),
        ({"activities": [order]}, r"got the workflow order \(.*test_worker.py:\d+\): give it to workflows"),
        ({"workflows": [charge]}, r"got the activity charge \(.*test_worker.py:\d+\): give it to activities"),
        ({"activities": [functools.partial(plain, 1)]}, r"write a function that makes the call"),
        ({"activities": [len]}, r"put @activity on it"),
        ({"activities": [None]}, r"functions with @activity but got None"),
        ({"activities": ["charge"]}, r"functions with @activity but got 'charge'"),
        ({"activities": charge}, r"a list of functions with @activity"),
        ({"activities": 7}, r"a list of functions with @activity but got 7"),
        ({"workflows": order}, r"a list of functions with @workflow"),
        ({"workflows": "order"}, r"a list of functions with @workflow"),
        ({"workflows": None}, r"a list of functions with @workflow"),
        ({"activities": [Payments.refund]}, r"is a method: give that of an object"),
        ({"activities": [Payments().refund, Payments().refund]}, r"name of its own"),
        ({"state_dir": 7}, r"a directory's path but got 7"),
        ({"state_dir": ""}, r"a directory's path"),
        ({"state_dir": "/dev/null/state"}, r"/dev/null/state but it cannot be used"),
        ({"queue": "a.b", "workflows": ()}, r"queue to be 1 to 100 letters"),
        ({"queue": "gpu", "workflows": [order]}, r"a worker of queue 'gpu' without workflows but got order"),
        ({"queue": "gpu", "workflows": (), "activities": []}, r"activities for the worker of queue 'gpu' but got none"),
        ({"id": 7}, r"id to be 1 to 255 bytes of printable text"),
        ({"id": ""}, r"id to be"),
        ({"id": "a\0b"}, r"id to be"),
        ({"id": "x" * 256}, r"id to be"),
        ({"id": "\ud800"}, r"id to be"),
        ({"url": None}, r"url to be a log's URL"),
        ({"url": "nowhere"}, r"nowhere"),
        ({"options": {"standbys": 1}}, r"options to be a WorkerOptions"),
        ({"payloads": "settings:payloads"}, r"payloads to be a sagaline.payloads.Payloads"),
    ],
    ids=without_address,
)
async def test_nonsense_is_refused_in_words(given: dict[str, Any], words: str) -> None:
    """Fault 31."""
    with pytest.raises(ConfigurationError, match=words):
        await make(**given).start()


@pytest.mark.parametrize(
    "given",
    [
        {"concurrent_activities": 0},
        {"concurrent_activities": "7"},
        {"concurrent_activities": True},
        {"activity_threads": 0},
        {"activity_threads": 1.5},
        {"standbys": -1},
        {"memory_mb": 31},
        {"memory_mb": None},
        {"stop_grace": -1},
        {"stop_grace": float("nan")},
        {"retention": 0},
        {"retention": "soon"},
        {"retention": "200000d"},
        {"stall_warning": 0},
        {"stall_interrupt": "1s"},
        {"stall_give_up": "30s"},
        {"stall_give_up": None},
        {"end_when_stalled": "yes"},
        {"check_code": 1},
    ],
    ids=without_address,
)
def test_options_that_make_no_sense_are_refused(given: dict[str, Any]) -> None:
    (name,) = given
    with pytest.raises(ConfigurationError, match=name):
        WorkerOptions(**given)


def test_durations_are_given_one_way() -> None:
    for grace in (2.5, "2500ms", "2.5s", timedelta(seconds=2.5)):
        host = Worker("memory://n", workflows=[order], options=WorkerOptions(stop_grace=grace))
        assert host._options.stop_grace == grace
    assert WorkerOptions(stop_grace=0).stall_bounds().give_up_s == 60


def test_what_makes_sense_is_taken(tmp_path: Path) -> None:
    make(activities=iter([charge, Payments().refund]), state_dir=str(tmp_path), id="worker-1")
    make(activities=(), state_dir=tmp_path, options=WorkerOptions(standbys=2, stall_warning="1s"))


async def test_methods_before_and_after_their_time_say_so() -> None:
    worker = make(url="memory://test-worker")
    await worker.stop()
    for method in (worker.ready, worker.wait):
        with pytest.raises(SagalineError, match="has been started"):
            await method()
    async with worker:
        with pytest.raises(SagalineError, match="once"):
            await worker.start()


@activity
async def ship() -> None: ...


@workflow
async def ships() -> None:
    await ship()


async def test_an_activity_that_a_workflow_uses_and_the_worker_lacks_is_said_at_the_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Fault 10."""
    async with make(url="memory://test-worker-lacks", workflows=[ships]):
        pass
    assert "ship" in caplog.text
    assert "ships" in caplog.text
    caplog.clear()
    async with make(url="memory://test-worker-lacks", workflows=[ships], activities=[ship]):
        pass
    assert caplog.text == ""
