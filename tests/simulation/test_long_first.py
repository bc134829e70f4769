"""Tests that take long begin first, on every worker; and a mutant that breaks nothing any more is an error."""

from __future__ import annotations

import sys
from typing import Any
from unittest import mock

import pytest
from long_first import long_first
from simulation.mutant_registry import MUTANTS, Patch, applied


class Item:
    """A test, as far as its order is concerned."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def get_closest_marker(self, name: str) -> Any:
        return pytest.mark.takes(self.seconds).mark if self.seconds and name == "takes" else None


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [0, 1, 5, 100])
def test_each_worker_begins_with_its_part_of_the_long_ones(workers: int, count: int) -> None:
    items: list[Any] = [Item(seconds) for seconds in [0] * count + [4, 4, 90, 40, 4]]
    found: list[Any] = long_first(items, workers)
    assert sorted(map(id, found)) == sorted(map(id, items))
    if count < 100:
        return
    start, firsts = 0, []
    for place in range(workers):  # as xdist cuts them
        size = (len(found) - start) // (workers - place)
        seconds = [item.seconds for item in found[start : start + size]]
        assert seconds == sorted(seconds, reverse=True)
        firsts.append(seconds[0])
        start += size
    assert firsts == [90, 40, 4, 4, 4, 0, 0][:workers]


def test_a_mutant_of_what_is_there_no_more_is_an_error() -> None:
    """This module has no ``reversed`` of its own, but there is a builtin: mock takes it, and nothing is broken."""
    gone: list[Patch] = [(sys.modules[__name__], "reversed", list)]
    with mock.patch.dict(MUTANTS, gone=lambda: gone), pytest.raises(AttributeError, match="reversed"), applied("gone"):
        pass
