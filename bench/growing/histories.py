"""The history of one run, read by a client."""

from __future__ import annotations

import time

from growing import disk_store, growth
from sagaline._engine.apply import apply_history
from sagaline._engine.meta import Meta
from sagaline._engine.overlay import Overlay
from sagaline._engine.state import State
from sagaline._host.reading import answers
from sagaline._host.reading.waiters import Asker
from sagaline._model.codec import encode
from sagaline._model.events import Event, RunStarted, TimerFired, TimerStarted
from sagaline._model.records import History
from sagaline._store import Store

_RUN = "0" * 32


@growth("records of a history that is read", 2_000)
def history(size: int) -> float:
    """All of its parts, one after the other."""
    with disk_store() as store:
        return _read(store, size)


def _read(store: Store, size: int) -> float:
    state = State(Overlay(store), Meta())
    for number in range(size):
        events: tuple[Event, ...] = (TimerFired(number), TimerStarted(number + 1, 0))
        if not number:
            events = (RunStarted("w", b"[]", "request", "", 0, "accepted"), TimerStarted(1, 0))
        record = History(0, 0, "id", _RUN, 1 + 2 * number, 0, 0, 0, (), False, events)
        apply_history(state, record, encode(record))
        state.drain_effects()
    store.write(state.drain_writes().items())
    reader = State(Overlay(store), Meta())
    run = reader.run("id")
    if run is None:
        raise RuntimeError("Expected the run")
    began = time.perf_counter()
    parts = answers.history(Asker("r", "id", "client", 0), run, reader, lambda: True)
    count = sum(len(part.records) for part in parts if part is not None)
    if count != size:
        raise RuntimeError(f"Expected {size} records but got {count}")
    return time.perf_counter() - began
