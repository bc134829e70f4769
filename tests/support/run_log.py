"""A history topic of one partition with the runs of one workflow id, and how it reads from an empty disk."""

from __future__ import annotations

from sagaline._engine.meta import Meta
from sagaline._engine.overlay import Overlay
from sagaline._engine.reader import HistoryReader
from sagaline._engine.state import State
from sagaline._log import HISTORY, Record
from sagaline._model import events
from sagaline._model.codec import encode
from sagaline._model.events import Event
from sagaline._model.keys import claim_key, history_key
from sagaline._model.records import Claim, History
from sagaline._store.memory import MemoryStore

FIRST, SECOND, THIRD = ("1" * 32, "2" * 32, "3" * 32)


class Log:
    """History of one partition with one claim."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.keys: dict[str, list[bytes]] = {}
        self._next: dict[str, int] = {}
        self.add(claim_key("c"), encode(Claim("w", "c", 0)))

    def add(self, key: bytes, value: bytes | None) -> None:
        self.records.append(Record(HISTORY, 0, len(self.records), key, value))

    def run(self, run_id: str, *happened: Event) -> None:
        """An activation of a run of workflow id ``w``."""
        first = self._next.get(run_id, 1)
        self._next[run_id] = first + len(happened)
        at = len(self.records)
        value = encode(History(0, at, "w", run_id, first, at, 0, 0, (), False, happened))
        self.keys.setdefault(run_id, []).append(history_key("w", run_id, first, 0))
        self.add(self.keys[run_id][-1], value)

    def retire(self, run_id: str) -> None:
        for key in self.keys[run_id]:
            self.add(key, None)


def started(request: str, workflow: str = "pay") -> events.RunStarted:
    return events.RunStarted(workflow, b"[]", request, "", 0, "accepted")


def read(records: list[Record], store: MemoryStore | None = None, meta: Meta | None = None) -> tuple[State, Meta]:
    store, meta = store or MemoryStore(), meta or Meta()
    overlay = Overlay(store)
    state = State(overlay, meta, cached_runs=0)
    reader = HistoryReader(state, meta)
    for record in records:
        reader.read(record.offset, record.key, record.value)
        writes = state.drain_writes()
        store.write(writes.items())
        overlay.settle(writes)
    return state, reader.meta


def rows(records: list[Record]) -> dict[bytes, bytes]:
    store = MemoryStore()
    read(records, store)
    return {key: value for key, value in store.rows.items() if not key.startswith(b"@")}
