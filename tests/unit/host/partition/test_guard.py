"""The guard: whatever is raised gives the partition up, and names who is to blame if somebody is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from sagaline._host.crash_points import Died
from sagaline._host.partition.guard import Guard
from sagaline._host.partition.lost import Kind, Lost
from sagaline._model import limits
from sagaline._payloads import BlobsUnavailable
from sagaline._store import StoreUnavailable
from sagaline.errors import LogUnavailable


class Silent(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


ANYTHING = [
    RuntimeError("x"),
    OSError(5, "disk"),
    RecursionError("deep"),
    MemoryError(),
    SystemExit(3),
    GeneratorExit(),
    asyncio.CancelledError("from inside"),
    BaseExceptionGroup("several", [SystemExit(1)]),
    Silent(),
]


def raising(error: BaseException) -> Callable[..., None]:
    def callback(*args: object) -> None:
        raise error

    return callback


@pytest.fixture
def losses() -> list[Lost]:
    return []


@pytest.fixture
def guard(losses: list[Lost]) -> Guard:
    return Guard(losses.append)


@pytest.mark.parametrize("error", ANYTHING, ids=lambda error: type(error).__name__)
async def test_whatever_a_callback_or_a_task_raises_gives_the_partition_up(
    losses: list[Lost], error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        await asyncio.sleep(0)
        raise error

    caplog.set_level(logging.CRITICAL, "asyncio")
    Guard(losses.append).run(raising(error), 1)
    Guard(losses.append).wrap(raising(error))(1, 2)
    assert await Guard(losses.append).task(body(), "body") is None
    assert [lost.kind for lost in losses] == [Kind.ENGINE] * 3
    assert all(type(error).__name__ in lost.text for lost in losses)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (StoreUnavailable("disk"), Kind.STORE),
        (LogUnavailable("broker"), Kind.LOG),
        (BlobsUnavailable("bucket"), Kind.PAYLOADS),
    ],
)
def test_what_is_outside_is_nobodys_fault(losses: list[Lost], error: Exception, kind: Kind) -> None:
    blamed: list[str] = []

    def isolate(cause: str) -> Lost:
        blamed.append(cause)
        return Lost(Kind.INPUT, cause)

    Guard(losses.append).caught(error, isolate)
    assert not blamed
    Guard(losses.append).caught(ValueError("mine"), isolate)
    assert blamed == ["ValueError: mine"]
    assert [lost.kind for lost in losses] == [kind, Kind.INPUT]


def test_the_first_reason_counts(guard: Guard, losses: list[Lost]) -> None:
    guard.lose(Lost(Kind.CLOSED, "closed"))
    guard.run(raising(RuntimeError("on its way out")))
    assert losses == [Lost(Kind.CLOSED, "closed")]
    assert guard.given_up


def test_the_cause_is_bounded(guard: Guard, losses: list[Lost]) -> None:
    guard.caught(ValueError("x" * 5_000_000))
    assert limits.size(losses[0].text) < 2 * limits.MESSAGE_BYTES


async def test_a_task_that_is_cancelled_from_outside_is_no_loss(guard: Guard, losses: list[Lost]) -> None:
    begun, not_begun = (guard.task(asyncio.sleep(60), "sleep") for _ in range(2))
    not_begun.cancel()
    await asyncio.sleep(0)
    guard.close()
    await asyncio.wait([begun, not_begun])
    assert begun.cancelled()
    assert not_begun.cancelled()
    assert not losses
    assert not guard._tasks


def test_an_interrupt_from_the_terminal_goes_on_and_the_partition_is_given_up(guard: Guard, losses: list[Lost]) -> None:
    with pytest.raises(KeyboardInterrupt):
        guard.run(raising(KeyboardInterrupt()))
    assert [lost.kind for lost in losses] == [Kind.ENGINE]


def test_a_process_that_has_died_in_a_test_does_nothing_more(guard: Guard, losses: list[Lost]) -> None:
    with pytest.raises(Died):
        guard.run(raising(Died()))
    assert not losses


async def test_what_is_raised_once_the_partition_is_given_up_blames_nobody() -> None:
    """An input that was half handled when a store failed meets what is not there: it is innocent."""
    blamed: list[str] = []
    losses: list[Lost] = []

    def isolate(cause: str) -> Lost:
        blamed.append(cause)
        return Lost(Kind.ENGINE, cause)

    guard = Guard(losses.append)
    guard.caught(StoreUnavailable("the disk"), isolate)
    guard.caught(ValueError("no history"), isolate)
    assert blamed == []
    assert [lost.kind for lost in losses] == [Kind.STORE]
