"""A history that is replayed against a build is watched for forbidden calls as a run is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from harness import running
from script import fetch

from sagaline import Client, workflow
from sagaline._runtime import watching
from sagaline.testing import ReplayMismatch, replay

reads_the_clock = False


@workflow
async def prices(sku: str) -> str:
    found = await fetch(sku)
    return f"{found} {time.time() if reads_the_clock else ''}"


async def test_a_build_that_reads_the_clock_is_no_right_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running("memory://watched-replay?partitions=1", [prices], [fetch]) as (_, client):
        history = await exported(client)
    replay(history, prices)
    monkeypatch.setattr(f"{__name__}.reads_the_clock", True)
    monkeypatch.setattr(watching, "profile", None)  # as in a process without a worker
    watching.count_anew()
    with pytest.raises(ReplayMismatch, match=r"test_replay_of_histories.py:\d+ calls time.time\(\)"):
        replay(history, prices)


async def exported(client: Client) -> bytes:
    handle = await client.start(prices, "A", id="w")
    await handle.result()
    return await handle.export()
