"""A disk that takes nothing for a while."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
from harness import eventually, running
from host_sagas import (
    act,
    attempts,
    keys,
    one,
)

from sagaline._store import StoreUnavailable
from sagaline._store.rocksdb import RocksStore


@pytest.fixture
def url() -> str:
    attempts.clear()
    keys.clear()
    return f"memory://h{uuid.uuid4().hex}?partitions=1"


async def test_a_full_disk_stops_nothing_for_good(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While the disk takes nothing the partition is claimed again and again; then all goes on, and nothing is lost."""
    write = RocksStore.write
    full = False

    def write_if_there_is_room(self: RocksStore, writes: Any) -> None:
        if full:
            raise StoreUnavailable("the state could not be written: No space left on device")
        write(self, writes)

    monkeypatch.setattr(RocksStore, "write", write_if_there_is_room)
    async with running(url, [one], [act], state_dir=tmp_path / "state") as (_, client):
        assert await client.execute(one, "before", id="before") == "before"
        full = True
        during = asyncio.create_task(client.execute(one, "during", id="during"))
        await eventually(lambda: caplog.text.count("No space left on device") >= 3)
        full = False
        assert await asyncio.wait_for(during, 30) == "during"
        assert (await client.handle("before").describe()).status == "completed"
