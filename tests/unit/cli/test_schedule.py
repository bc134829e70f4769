"""``sagaline schedule``."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import command
from harness import eventually_async, running
from schedule_sagas import WORKFLOWS


async def test_a_schedule_from_the_command_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db?partitions=1"
    async with running(url, WORKFLOWS) as (_, client):
        none = await command("schedule", "list", "--log", url)
        assert "There is no schedule." in none.out + none.err
        made = await command(
            "schedule", "create", "nightly", "report", "--cron", "0 2 * * *", "--zone", "Europe/Berlin", "--every", "7d",
            "--input", '"EU"', "--overlap", "buffer-one", "--exclude", "2026-12-25", "--search", "tier=2", "--log", url,
        )  # fmt: skip
        assert (made.code, "nightly begins report" in made.out + made.err) == (0, True)
        twice = await command(
            "schedule", "create", "nightly", "report", "--every", "1h", "--input", '"EU"', "--log", url
        )
        assert (twice.code, "there is one of 'nightly'" in twice.err) == (4, True)
        wrong = await command("schedule", "create", "other", "report", "--cron", "0 25 * * *", "--log", url)
        assert (wrong.code, "Bad hour" in wrong.err) == (2, True)
        assert (await command("schedule", "show", "nobody", "--log", url)).code == 3

        assert (
            await command("schedule", "pause", "nightly", "--note", "a move", "--by", "ann", "--log", url)
        ).code == 0
        listed = await command("schedule", "list", "--log", url)
        assert "0 2 * * * (Europe/Berlin); every 7d" in listed.out
        assert "paused" in listed.out
        shown = await command("schedule", "show", "nightly", "--log", url)
        assert "paused by ann: a move" in shown.out
        triggered = await command("schedule", "trigger", "nightly", "--log", url, "--json")
        run = triggered.json["workflow_id"]
        assert (await client.handle(run).result(60)).startswith("EU 20")

        async def is_told() -> bool:
            return len((await client.schedules.describe("nightly")).recent) == 1

        await eventually_async(is_told)
        again = await command("schedule", "trigger", "nightly", "--overlap", "allow-all", "--log", url)
        assert again.out.strip() in [run.workflow_id for run in await client.runs()]
        assert (await command("schedule", "resume", "nightly", "--log", url)).code == 0
        described = (await command("schedule", "show", "nightly", "--log", url, "--json")).json
        assert (described["paused"], described["overlap"], described["fired"]) == (False, "buffer_one", 2)
        assert described["settings"] == {"exclude": ["2026-12-25"]}
        assert len(described["next_due"]) == 5

        range_ = ("--from", "2020-01-01T00:00:00Z", "--to", "2020-01-03T00:00:00Z")
        filled = await command("schedule", "backfill", "nightly", *range_, "--log", url, "--json")
        assert filled.json == {"id": "nightly", "due_times": 3}
        late = await command("schedule", "backfill", "nightly", "--from", "2020-01-01", "--to", range_[3], "--log", url)
        assert (late.code, "with a zone" in late.err) == (2, True)
        assert (await command("schedule", "delete", "nightly", "--log", url)).code == 0
        assert (await command("schedule", "delete", "nightly", "--log", url)).code == 3


@pytest.mark.parametrize("name", ["create", "list", "show", "pause", "resume", "trigger", "backfill", "delete"])
async def test_each_command_has_help_with_an_example(name: str) -> None:
    told = await command("schedule", name, "--help")
    assert "Example" in told.out
    assert "--json" in told.out
