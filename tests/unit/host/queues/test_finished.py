"""Which tasks of a partition are done, and how that is written down."""

from __future__ import annotations

import random

import pytest

from sagaline._host.queues.finished import METADATA_BYTES, Finished
from sagaline._log import Committed


def test_a_slow_task_holds_nothing_up() -> None:
    finished = Finished(Committed(10, ""))
    for offset in range(11, 200_000):
        finished.add(offset)
    assert finished.next == 10
    assert finished.open_below(200_000) == 1
    committed = finished.committed
    assert committed.offset == 10
    assert len(committed.metadata) < 20
    again = Finished(committed)
    assert not again.has(10)
    assert all(again.has(offset) for offset in (0, 9, 11, 199_999))
    assert not again.has(200_000)
    again.add(10)
    assert again.committed == Committed(200_000, "")


def test_any_order_comes_to_the_same(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        start, count = chance.randrange(1_000), chance.randrange(1, 200)
        offsets = list(range(start, start + count))
        chance.shuffle(offsets)
        finished, done = Finished(Committed(start, "")), set[int]()
        for offset in offsets:
            assert not finished.has(offset) or finished.next > offset
            finished.add(offset)
            done.add(offset)
            first_open = next(number for number in range(start, start + count + 1) if number not in done)
            assert finished.next == first_open
            assert finished.open_below(max(done) + 1) == len(set(range(start, max(done) + 1)) - done)
            again = Finished(finished.committed)
            assert {number for number in range(start, start + count + 5) if again.has(number)} == done
            assert again.committed == finished.committed


def test_what_does_not_fit_is_left_out_and_done_again() -> None:
    finished = Finished(Committed(0, ""))
    for offset in range(1, 20_000, 2):
        finished.add(offset)
    committed = finished.committed
    assert len(committed.metadata) <= METADATA_BYTES
    again = Finished(committed)
    known = [offset for offset in range(20_000) if again.has(offset)]
    assert len(known) > 1_000
    assert known == list(range(1, 2 * len(known), 2)), "the first of them, and nothing that is not done"


def test_offsets_that_are_missing_are_done_together() -> None:
    finished = Finished(Committed(5, ""))
    finished.add(7, 1_000_000)
    assert finished.next == 5
    finished.add(5, 7)
    assert finished.next == 1_000_000


@pytest.mark.parametrize(
    "text", ["x", "1", "1!", "1AAA=", "1AA==", "1" + "_" * 50, "1\udcff", "2AQE=", "1gICAgICA", "1AQ=="]
)
def test_whatever_another_program_has_committed_is_no_error(text: str) -> None:
    finished = Finished(Committed(3, text))
    assert finished.next == 3
    assert not finished.has(3)
