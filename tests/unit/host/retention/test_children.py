"""A child stays for as long as its parent's partition may ask for it again, however long that is."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from typing import Any

import pytest
from harness import eventually
from virtual_time import virtual

from sagaline import activity, workflow
from sagaline._host.host import Host
from sagaline._host.options import HostOptions
from sagaline._host.partition.partition import Partition
from sagaline._log import COMMANDS, RESULTS, open_log
from sagaline._model.codec import encode
from sagaline._model.keys import partition_of
from sagaline._model.records import StartRun
from sagaline._runtime.definitions import Registry
from sagaline._store import open_stores

done: Counter[str] = Counter()
HOUR_S = 3_600
PARENT = next(name for name in (f"parent-{n}" for n in range(9)) if partition_of(name, 2) == 0)
CHILD = next(name for name in (f"child-{n}" for n in range(9)) if partition_of(name, 2) == 1)


@activity
async def note(what: str) -> str:
    done[what] += 1
    return what


@workflow
async def noting(what: str) -> str:
    return await note(what)


@workflow
async def asking(what: str) -> str:
    return await (await workflow.start_child(noting.options(id=CHILD), what))


@virtual
async def test_a_child_stays_until_the_partition_of_its_parent_has_an_owner_that_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is known there of what became of the child, so its start would leave again."""
    log = open_log(f"memory://r{uuid.uuid4().hex}?partitions=2")
    await log.open()
    loop = asyncio.get_running_loop()
    options = HostOptions("w", retention_ms=HOUR_S * 1_000, sweep_s=60, clock=lambda: int(loop.time() * 1_000))
    registry = Registry([noting.definition, asking.definition], [note.definition])
    host = Host(log, open_stores(None), registry, options)
    await host.start()
    await host.wait_live(2)
    of_parent, of_child = sorted(host.live, key=lambda partition: partition.number)
    take, held = Partition.on_records, list[Any]()

    def hold(self: Partition, records: Any) -> None:
        """What comes for the parent's partition waits, from the first word of the child on."""
        if self is of_parent and (held or records[0].topic == RESULTS):
            held.append(records)
        else:
            take(self, records)

    monkeypatch.setattr(Partition, "on_records", hold)
    start = StartRun("request", PARENT, "asking", asking.definition.signature.encode_input(("once",), {}))
    log.publish(COMMANDS, 0, PARENT.encode(), encode(start))
    await eventually(lambda: (run := of_child.rows.decided.run(CHILD)) is not None and run.closed)
    await asyncio.sleep(5 * HOUR_S)
    assert of_child.rows.decided.run(CHILD) is not None, "nobody has answered for the parent's partition"
    monkeypatch.setattr(Partition, "on_records", take)
    for records in held:
        take(of_parent, records)
    await eventually(lambda: of_child.rows.decided.run(CHILD) is None, 3 * HOUR_S)
    await eventually(lambda: of_parent.rows.decided.run(PARENT) is None, 3 * HOUR_S)
    assert done["once"] == 1
    await host.stop()
    await log.close()
