"""``sagaline runs`` as a person uses it."""

from __future__ import annotations

from pathlib import Path

from commands import command
from harness import eventually_async, running

from sagaline import workflow

mended = False


@workflow
async def buggy(name: str) -> str:
    if not mended:
        raise LookupError(f"no {name}")
    return name


async def test_parked_retry_and_release(tmp_path: Path) -> None:
    global mended
    mended = False
    url = f"sqlite:///{tmp_path / 'log.db'}?partitions=2"
    link = ["--log", url]
    async with running(url, [buggy]) as (worker, client):
        await worker._host.wait_live(2)
        assert (await command("runs", "parked", *link)).out == "No run is parked.\n"
        handles = [await client.start(buggy, f"thing-{number}", id=f"order-{number}") for number in range(4)]

        async def all_parked() -> bool:
            return len(await client.runs("parked")) == 4

        await eventually_async(all_parked)
        shown = await command("runs", "parked", *link)
        assert all(text in shown.out for text in ("order-0", "order-3", "LookupError: no thing-2", "retry ID"))
        listed = (await command("runs", "parked", *link, "--json")).json
        assert {(run["workflow_id"], run["workflow"], run["failure"]["type"]) for run in listed} == {
            (f"order-{number}", "buggy", "LookupError") for number in range(4)
        }
        refused = await command("runs", "retry", "order-0", "nobody", *link)
        assert refused.code == 4
        assert "order-0: Expected the run of 'order-0' to go on but: no thing-0" in refused.err
        assert "nobody: Expected a run of workflow id 'nobody' but there is none" in refused.err
        given_up = await command("runs", "release", "order-3", "--reason", "refunded by hand", *link)
        assert (given_up.code, given_up.out) == (0, "order-3 is given up.\n")
        mended = True
        assert "order-0 goes on." in (await command("runs", "retry", "order-0", *link)).out
        assert (await command("runs", "retry", "--all", *link, "--json")).json == {"order-1": None, "order-2": None}
        assert [await handle.result(10) for handle in handles[:3]] == [f"thing-{number}" for number in range(3)]
        ended = await handles[3].describe()
        assert ended.status == "terminated"
        assert ended.failure is not None
        assert "refunded by hand" in ended.failure.message
        strange = await command("runs", "release", "order-1", "--reason", "x", *link)
        assert strange.code == 2
        assert "Expected parked runs but order-1 are not" in strange.err
        neither = await command("runs", "retry", *link)
        assert (neither.code, "Expected the ids of runs, or --all" in neither.err) == (2, True)
