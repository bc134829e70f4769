"""A run that starts children for as long as it lives."""

from __future__ import annotations

import time

from script import Script

from growing import growth
from sagaline import workflow
from sagaline._model.events import ChildBegan, ChildEnded


@workflow
async def one(number: int) -> int:
    """Returns it."""
    return number


@workflow
async def one_by_one(numbers: int) -> int:
    """A child at a time."""
    return sum([await one(number) for number in range(numbers)])


@growth("children of a run, one after another", 1_000)
def children(size: int) -> float:
    """More in all than a run may have at a time: what counts is what the start of one more costs."""
    script = Script(one_by_one, b"[%d]" % size)
    began = time.process_time()
    for number in range(1, size + 1):
        script.step(ChildBegan(number, "child"), ChildEnded(number, "completed", b"1"))
    took_s = time.process_time() - began
    script.instance.evict()
    return took_s
