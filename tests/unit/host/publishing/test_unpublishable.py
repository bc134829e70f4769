"""A message that a host cannot publish holds up no other, and ends in the dead letters."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from harness import eventually
from virtual_time import virtual

from sagaline import workflow
from sagaline._host.host import Host
from sagaline._host.options import HostOptions
from sagaline._log import COMMANDS, DEADLETTERS, REPLIES, open_log
from sagaline._log.memory import MemoryLog
from sagaline._model.codec import decode, encode
from sagaline._model.records import Reply, StartRun
from sagaline._runtime.definitions import Registry
from sagaline._store import open_stores


@workflow
async def echo(what: str) -> str:
    return what


@virtual
async def test_a_message_that_cannot_be_published_holds_up_no_other_and_ends_in_dead_letters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish = MemoryLog.publish

    def publish_but_not_to_all(
        self: MemoryLog, topic: str, partition: Any, key: bytes, value: Any, on_done: Any = None, headers: Any = None
    ) -> None:
        if topic == REPLIES and key == b"gone":
            asyncio.get_running_loop().call_soon(on_done, "unknown topic")
        else:
            publish(self, topic, partition, key, value, on_done, headers)

    monkeypatch.setattr(MemoryLog, "publish", publish_but_not_to_all)
    loop = asyncio.get_running_loop()
    log = open_log(f"memory://u{uuid.uuid4().hex}?partitions=1")
    await log.open()
    options = HostOptions("w", sweep_s=1, clock=lambda: int(loop.time() * 1_000))
    host = Host(log, open_stores(None), Registry([echo.definition], []), options)
    await host.start()
    await host.wait_live(1)
    (partition,) = host.live

    async def records(topic: str) -> list[Any]:
        _, end = await log.bounds(topic, 0)
        return [decode(record.value) async for batch in log.read(topic, 0, 0, end) for record in batch]

    log.publish(COMMANDS, 0, b"a", encode(StartRun("a", "a", "echo", b'["a"]', "gone", 0, "closed")))
    log.publish(COMMANDS, 0, b"b", encode(StartRun("b", "b", "echo", b'["b"]', "there", 0, "closed")))
    await asyncio.sleep(30)
    assert [(reply.request_id, reply.result) for reply in await records(REPLIES)] == [("b", b'"b"')]
    assert await records(DEADLETTERS) == []
    await asyncio.sleep(90)
    (dead,) = await records(DEADLETTERS)
    assert isinstance(dead, Reply)
    assert (dead.request_id, dead.status) == ("a", "completed")
    await eventually(lambda: partition.rooms.outbox.is_empty and partition.rows.decided.outbox.oldest_offset() is None)
    await host.stop()
    await log.close()
