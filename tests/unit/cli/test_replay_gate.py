"""The gate before a deploy: histories of an earlier version, exported, against a bad build and a good one."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import command

from sagaline import Client, Worker
from sagaline.cli.loading import load

V1 = """
from sagaline import activity, saga, workflow

@activity
async def reserve(order: str) -> str:
    return order

@activity
async def charge(order: str) -> int:
    return 5

@activity
async def ship(order: str) -> str:
    return "sent"

@saga
async def buy(order: str) -> str:
    await reserve(order)
    await charge(order)
    return await ship(order)

@workflow
async def greet(name: str) -> str:
    return name
"""
BAD = V1.replace("await reserve(order)\n    await charge(order)", "await charge(order)\n    await reserve(order)")
GOOD = V1.replace("return await ship(order)", "sent = await ship(order)\n    return sent.lower()")
CRASHES = V1.replace("    return await ship(order)", "    return (await ship(order))[order]")
OTHER = "from sagaline import workflow\n\n@workflow\nasync def elsewhere() -> None: ...\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with builds, and a log with twelve runs of the first one."""
    for name, code in (("v1", V1), ("bad", BAD), ("good", GOOD), ("crashes", CRASHES), ("other", OTHER)):
        (tmp_path / f"build_{name}.py").write_text(code)
    loaded = load(str(tmp_path / "build_v1.py"))
    buy = next(workflow for workflow in loaded.workflows if workflow.name == "buy")
    greet = next(workflow for workflow in loaded.workflows if workflow.name == "greet")
    url = f"sqlite:///{tmp_path / 'log.db'}"

    async def work() -> None:
        async with Worker(url, workflows=loaded.workflows, activities=loaded.activities):
            async with await Client.connect(url) as client:
                for number in range(10):
                    await client.execute(buy, f"o{number}", id=f"order {number}")
                for number in range(2):
                    await client.execute(greet, "x", id=f"greeting-{number}")

    asyncio.run(work())
    return tmp_path


async def test_a_bad_build_is_blocked_and_a_good_one_passes_on_exported_histories(shop: Path) -> None:
    log, folder = f"sqlite:///{shop / 'log.db'}", str(shop / "histories")
    exported = await command("export", "--sample", "100", "--out", folder, "--log", log, "--json")
    assert exported.code == 0, exported.err
    places = json.loads(exported.out)
    assert len(places) == 12
    assert all(Path(place["file"]).is_file() for place in places)

    good = await command("replay", str(shop / "build_good.py"), "--histories", folder)
    assert good.code == 0, good.err
    assert "follows 12 histories" in good.err

    bad = await command("replay", str(shop / "build_bad.py"), "--histories", folder, "--json")
    assert bad.code == 1
    mismatch = json.loads(bad.out)["mismatch"]
    line = BAD.splitlines().index("    await charge(order)") + 1
    assert mismatch["expected"] == "activity 'reserve' as step 1"
    assert mismatch["actual"] == "activity 'charge' as step 1"
    assert mismatch["place"].endswith(f"build_bad.py:{line}")
    assert mismatch["event_id"] == 2

    told = await command("replay", str(shop / "build_bad.py"), "--histories", folder)
    assert "- history: activity 'reserve' as step 1 (event 2)\n+ code:    activity 'charge' as step 1 at" in told.err

    crashes = await command("replay", str(shop / "build_crashes.py"), "--histories", folder)
    assert crashes.code == 1
    assert "TypeError: string indices must be integers" in crashes.err
    assert "build_crashes.py" in crashes.err


async def test_the_same_on_the_log_itself_by_sample(shop: Path) -> None:
    log = f"sqlite:///{shop / 'log.db'}"
    good = await command("replay", str(shop / "build_good.py"), "--log", log, "--sample", "5", "--json")
    assert good.code == 0, good.err
    assert json.loads(good.out) == {"replayed": 5, "skipped": {}, "mismatch": None}
    assert (await command("replay", str(shop / "build_bad.py"), "--log", log)).code == 1
    other = await command("replay", str(shop / "build_other.py"), "--log", log)
    assert other.code == 2
    assert "Expected at least one history of a workflow of" in other.err
    assert "(histories of others: buy, greet)" in other.err


async def test_one_history_is_printed_and_is_readable(shop: Path) -> None:
    log = f"sqlite:///{shop / 'log.db'}"
    printed = await command("export", "order 3", "--out", "-", "--log", log)
    assert printed.code == 0, printed.err
    told = json.loads(printed.out)
    assert (told["kind"], told["format"], told["workflow"]) == ("sagaline history", 1, "buy")
    assert told["events"][0]["details"]["input"] == ["o3"]
    assert told["events"][-1]["type"] == "run completed"
    again = await command("export", "order 3", "--out", str(shop / "h"), "--log", log)
    assert again.code == 0
    (file,) = (shop / "h").iterdir()
    assert file.name == "order_3.history.json"
    assert (await command("replay", str(shop / "build_v1.py"), "--histories", str(file))).code == 0


async def test_a_debugger_stops_in_the_workflow(shop: Path) -> None:
    log = f"sqlite:///{shop / 'log.db'}"
    await command("export", "order 3", "--out", str(shop / "h"), "--log", log)
    done = subprocess.run(
        [sys.executable, "-m", "sagaline.cli", "replay", "build_v1.py", "--histories", "h", "--pdb"],
        cwd=shop,
        input="p order\nc\n",
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "HOME": str(shop)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "build_v1.py" in done.stdout
    assert "'o3'" in done.stdout
    assert "Replaying order 3 (buy, run" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["export"], "Expected ids of runs, or --sample"),
        (["export", "a", "--sample", "3"], "Expected ids of runs, or --sample"),
        (["export", "a", "b", "--out", "-"], "Expected one id with --out -"),
        (["export", "--sample", "3", "--run-id", "x"], "Expected one id with --run-id"),
    ],
)
async def test_wrong_use_is_said(arguments: list[str], words: str) -> None:
    done = await command(*arguments)
    assert done.code == 2
    assert words in done.err


async def test_a_folder_without_histories_and_a_file_that_is_none(shop: Path) -> None:
    build = str(shop / "build_v1.py")
    nothing = await command("replay", build, "--histories", str(shop))
    assert (nothing.code, "Expected files *.history.json" in nothing.err) == (2, True)
    wrong = await command("replay", build, "--histories", build)
    assert (wrong.code, "to be a history that `sagaline export` has written but" in wrong.err) == (2, True)
    missing = await command("replay", build, "--histories", str(shop / "no.json"))
    assert (missing.code, "but it cannot be read: No such file" in missing.err) == (2, True)
