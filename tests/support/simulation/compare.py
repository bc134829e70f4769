"""Replay of the log, whole and as the cleaner may leave it, against the state that its owner lives with."""

from __future__ import annotations

import random
from functools import cache
from typing import Any, NamedTuple
from unittest import mock

from compaction import compacted
from harness import state_rows

from sagaline._engine.meta import META_KEY
from sagaline._host.partition.partition import Partition
from sagaline._host.recovery.restore import Restore
from sagaline._log import HISTORY, Record
from sagaline._model.codec import decode
from sagaline._store.memory import MemoryStore
from simulation.broker import Broker


def compare(broker: Broker, draw: random.Random, owners: dict[int, Partition]) -> list[str]:
    """What differs; every partition has an owner in the end."""
    remembering = mock.patch("sagaline._engine.reader.decode", cache(decode))  # each record is replayed a dozen times
    with remembering:
        return _compare(broker, draw, owners)


def _compare(broker: Broker, draw: random.Random, owners: dict[int, Partition]) -> list[str]:
    wrong: list[str] = []
    if len(owners) < broker.partitions:
        return [f"only {len(owners)} of {broker.partitions} partitions have an owner in the end"]
    for number, owner in owners.items():
        records = broker.records(HISTORY, number)
        live = _rows(owner.rows.acknowledged)
        end = owner.rows.acknowledged.meta.next_offset
        if end != len(records):
            wrong.append(f"partition {number}: the owner has seen {end} of {len(records)} records")
            continue
        for below, dropped in [(0, 0), *(_cut(draw, len(records)) for _ in range(3))]:
            replayed = _replay(compacted(records, below, dropped))
            if replayed.rows != live:
                keys = live.keys() | replayed.rows.keys()
                different = sorted(key for key in keys if live.get(key) != replayed.rows.get(key))
                wrong.append(f"partition {number}, compacted below {below}/{dropped}: {different[:5]} differ")
                break
        wrong += _compare_prefixes(number, records, draw)
    return wrong


def _compare_prefixes(number: int, records: list[Record], draw: random.Random) -> list[str]:
    """At any moment of the past, whatever was compacted by then: the same live runs and positions."""
    tombs = [record.offset for record in records if record.value is None]
    for _ in range(3):
        end = draw.choice(tombs) + 1 if tombs else draw.randint(1, len(records))
        prefix = records[:end]
        whole = _replay(prefix)
        for cut in (_cut(draw, end + 1), (end, _cut(draw, end + 1)[0])):
            if _replay(compacted(prefix, *cut)).promise != whole.promise:
                return [f"partition {number}: at {end}, compacted below {cut}, a reader sees other runs or positions"]
    return []


def _cut(draw: random.Random, end: int) -> tuple[int, int]:
    below = draw.randint(0, max(0, end - 1))  # the newest record stays: it says how far history goes
    return below, draw.randint(0, below)


def _rows(rows: Any) -> dict[bytes, bytes]:
    """The state without how far it has come: a compacted log may end earlier."""
    return {key: value for key, value in state_rows(rows).items() if key != META_KEY}


class _Replayed(NamedTuple):
    rows: dict[bytes, bytes]
    positions: tuple[int, int]

    @property
    def promise(self) -> Any:
        """What must not depend on compaction, not even while runs are being retired."""
        live = {key: value for key, value in self.rows.items() if key[:2] in (b"r/", b"a/", b"w/", b"t/", b"u/")}
        return live, self.positions


def _replay(records: list[Record]) -> _Replayed:
    store = MemoryStore()
    restore = Restore(store, lambda record, cause: None)
    restore.apply(records)
    return _Replayed(_rows(store), (restore.meta.commands_position, restore.meta.results_position))
