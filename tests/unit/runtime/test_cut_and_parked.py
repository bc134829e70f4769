"""Replay of activations within which their run was parked: the rest follows where it is resumed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from script import fetch, names, setup_of

from sagaline import Signal, workflow
from sagaline._model import events as e
from sagaline._model.events import Event
from sagaline._model.failure import Failure, RetryPolicy
from sagaline._model.records import History
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.flags import CURRENT
from sagaline._runtime.replay import Replay
from sagaline._runtime.replaying import replay

words = Signal[str]("word")


@workflow(signals=[words])
async def reads() -> None:
    """Three activities at once, and one for each signal."""
    tasks = [asyncio.create_task(fetch(name)) for name in "abc"]
    while True:
        tasks.append(asyncio.create_task(fetch(await words.receive())))


STARTED = e.RunStarted("reads", b"[]", "q", "", 0, "")
PARKED, RESUMED = e.RunParked("bug", Failure("Bug", "it is")), e.RunResumed("w")
SIGNAL = e.SignalReceived("s", "word", b'["d"]')
HANDLED = e.SignalsHandled((1,))


def scheduled(step: int) -> e.ActivityScheduled:
    return e.ActivityScheduled(step, "fetch", b'["%c"]' % "abcd"[step - 1].encode(), 60_000, RetryPolicy())


Part = tuple[bool, Sequence[Event]]
FIRST = list(map(scheduled, (1, 2, 3)))
SECOND: list[Event] = [scheduled(4), HANDLED]


def history(*records: Part) -> list[History]:
    """``records``: their events, and whether more follow of the same activation."""
    listed: list[History] = []
    first = 1
    for at, (more, happened) in enumerate(records, 1):
        listed.append(History(0, at, "w", "r", first, 0, 0, 0, CURRENT if first == 1 else (), more, tuple(happened)))
        first += len(happened)
    return listed


def replayed(*records: Part) -> Replay:
    found = replay(setup_of(reads), history(*records))
    found.instance.evict()
    return found


@pytest.mark.parametrize("written", [0, 1, 2])
def test_what_is_left_of_it_is_written_with_what_has_arrived_since(written: int) -> None:
    cut, parked = (True, [STARTED, *FIRST[:written]]), (False, [PARKED])
    found = replayed(cut, parked)
    assert (names(found.unwritten), found.pending) == (["fetch"] * (3 - written), [])
    found = replayed(cut, parked, parked, (False, [SIGNAL]))
    assert (names(found.unwritten), found.pending) == (["fetch"] * (3 - written), [SIGNAL])
    rest = [*FIRST[written:], *SECOND]
    found = replayed(cut, parked, (False, [SIGNAL]), (False, [RESUMED, *rest]))
    assert (found.unwritten, found.pending, found.next_event_id) == ([], [], 2 + 3 + 2 + 1 + 2)
    found = replayed(cut, parked, (False, [RESUMED, *FIRST[written:]]), (False, [SIGNAL, *SECOND]))
    assert (found.unwritten, found.pending) == ([], [])


@pytest.mark.parametrize("written", range(6))
def test_it_may_be_cut_off_and_parked_again(written: int) -> None:
    rest: list[Event] = [*FIRST[1:], *SECOND]
    begun: list[Part] = [
        (True, [STARTED, FIRST[0]]),
        (False, [PARKED]),
        (False, [SIGNAL]),
        (True, [RESUMED, *rest[:written]]),
    ]
    assert len(replayed(*begun).unwritten) == 4 - min(written, 4)
    again = [*begun, (False, [PARKED])]
    found = replayed(*again)
    assert (len(found.unwritten), found.pending) == (4 - min(written, 4), [])
    found = replayed(*again, (False, [RESUMED, *rest[written:]]))
    assert (found.unwritten, found.pending) == ([], [])


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ([FIRST[1]], r"nothing more \(event 6 .*activity 'fetch' as step 3"),
        ([FIRST[1], FIRST[2], *SECOND], r"activity 'fetch' as step 4 \(event 7 "),
        ([FIRST[2], FIRST[1]], r"activity 'fetch' as step 3 \(event 5 "),
    ],
    ids=["missing", "more", "swapped"],
)
def test_what_does_not_fit_is_named_with_its_event(rest: list[Event], expected: str) -> None:
    with pytest.raises(WorkflowBug, match=expected):
        replayed((True, [STARTED, FIRST[0]]), (False, [PARKED]), (False, [RESUMED, *rest]))


def test_a_run_that_ends_while_it_is_parked_can_be_looked_at() -> None:
    found = replayed((True, [STARTED, FIRST[0]]), (False, [PARKED]), (False, [e.RunTerminated("q", "enough")]))
    assert names(found.unwritten) == ["fetch", "fetch"]
