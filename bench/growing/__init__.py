"""Lines of the growth benchmark: one module a room of the house."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sagaline._store import Identity, Store, open_stores


class Line(NamedTuple):
    """``measure(size)`` gives the seconds that so many items took."""

    name: str
    first: int
    measure: Callable[[int], float]


LINES: list[Line] = []


def growth(name: str, first: int) -> Callable[[Callable[[int], float]], Callable[[int], float]]:
    """Adds a line; ``first`` is the smallest size."""

    def add(measure: Callable[[int], float]) -> Callable[[int], float]:
        LINES.append(Line(name, first, measure))
        return measure

    return add


@contextmanager
def disk_store() -> Iterator[Store]:
    """An empty store as workers have it."""
    with tempfile.TemporaryDirectory() as folder:
        stores = open_stores(Path(folder))
        store = stores.open(0, Identity("bench", "bench", 1))
        yield store
        store.close()
        stores.close()
