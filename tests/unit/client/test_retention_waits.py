"""Which partitions keep closed runs of others, as their owners say."""

from __future__ import annotations

import uuid

import pytest
from harness import running

from sagaline import workflow
from sagaline._host.retention.senders import Senders


@workflow
async def nothing() -> None: ...


async def test_the_longest_wait_of_each_partition_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(f"memory://r{uuid.uuid4().hex}?partitions=2", [nothing]) as (_, client):
        assert await client.retention_waits() == {}
    waits = iter([{1: 5.0, 0: 7.0}, {1: 61.0}])
    monkeypatch.setattr(Senders, "unanswered", lambda self: next(waits))
    async with running(f"memory://r{uuid.uuid4().hex}?partitions=2", [nothing]) as (_, client):
        assert await client.retention_waits() == {0: 7.0, 1: 61.0}
