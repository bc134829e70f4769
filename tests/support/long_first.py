"""The order of tests in which no core is idle at the end: those that take long begin first, shared out to all workers."""

from __future__ import annotations

import pytest


def long_first(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """The items as pytest-xdist's ``worksteal`` deals them: it cuts the list into one piece a worker, in order.

    The longest goes to whoever has least to do so far. Each process finds the same order.
    """
    seconds = {item: _seconds(item) for item in items}
    long = sorted((item for item in items if seconds[item]), key=lambda item: -seconds[item])
    short = [item for item in items if not seconds[item]]
    dealt: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for item in long:
        min(dealt, key=lambda some: sum(seconds[one] for one in some)).append(item)
    found: list[pytest.Item] = []
    for place, some in enumerate(dealt):
        size = (len(items) - len(found)) // (workers - place)
        rest = max(size - len(some), 0)
        found += [*some, *short[:rest]]
        del short[:rest]
    return found + short


def _seconds(item: pytest.Item) -> float:
    mark = item.get_closest_marker("takes")
    return 0 if mark is None else mark.args[0]
