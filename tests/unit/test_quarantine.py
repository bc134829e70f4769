"""``sagaline quarantine`` as a person uses it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from harness import running
from typer.testing import CliRunner

from sagaline import workflow
from sagaline.cli import app
from sagaline.errors import InvalidInput

mended = False


@workflow
async def buggy(name: str) -> str:
    if not mended:
        raise LookupError(f"no {name}")
    return name


async def command(*args: str) -> Any:
    return await asyncio.to_thread(CliRunner().invoke, app, ["quarantine", *args])


async def test_list_retry_and_release(tmp_path: Path) -> None:
    global mended
    mended = False
    url = f"sqlite:///{tmp_path / 'log.db'}?partitions=2"
    link = ["--log", url]
    async with running(url, [buggy]) as (worker, client):
        await worker._host.wait_live(2)
        assert (await command("list", *link)).output == "No run is parked.\n"
        handles = [await client.start(buggy, f"thing-{number}", id=f"order-{number}") for number in range(4)]
        async with asyncio.timeout(20):
            while len(await client.runs("parked")) < 4:
                await asyncio.sleep(0.02)
        shown = await command("list", *link)
        assert all(text in shown.output for text in ("order-0", "order-3", "LookupError: no thing-2", "retry ID"))
        listed = json.loads((await command("list", *link, "--json")).output)
        assert {(run["workflow_id"], run["workflow"], run["failure"]["type"]) for run in listed} == {
            (f"order-{number}", "buggy", "LookupError") for number in range(4)
        }
        refused = await command("retry", "order-0", "nobody", *link)
        assert refused.exit_code == 4
        assert "order-0: Expected the run of 'order-0' to go on but: no thing-0" in refused.stderr
        assert "nobody: Expected an open run" in refused.stderr
        given_up = await command("release", "order-3", "--reason", "refunded by hand", *link)
        assert given_up.exit_code == 0
        mended = True
        assert "order-0 goes on." in (await command("retry", "order-0", *link)).output
        assert json.loads((await command("retry", "--all", *link, "--json")).output) == {
            "order-1": None,
            "order-2": None,
        }
        assert [await handle.result(10) for handle in handles[:3]] == [f"thing-{number}" for number in range(3)]
        ended = await handles[3].describe()
        assert ended.status == "terminated"
        assert ended.failure is not None
        assert "refunded by hand" in ended.failure.message
        strange = await command("release", "order-1", "--reason", "x", *link)
        assert isinstance(strange.exception, InvalidInput)
        assert "Expected parked runs but order-1 are not" in str(strange.exception)
        neither = await command("retry", *link)
        assert "Expected the ids of runs, or --all" in str(neither.exception)
