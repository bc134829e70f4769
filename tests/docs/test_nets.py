"""docs/workflows.md says of the ten workflows that are not deterministic which net stops each, and where: measured."""

from __future__ import annotations

import re
from pathlib import Path

import nets
from nondeterminism import SCENARIOS, Scenario

PAGE = (Path(__file__).parents[2] / "docs" / "workflows.md").read_text("utf-8")


async def row(scenario: Scenario, folder: Path) -> str:
    places = [
        nets.checker(scenario),
        nets.run_time(scenario, folder),
        nets.replays(scenario, folder)
        or (await nets.other_hash_seeds(scenario) if scenario.name == "set_order" else ""),
    ]
    return f"| `{scenario.name}` | " + " | ".join(place or "–" for place in places) + " |"


async def test_the_table_of_the_ten_is_what_the_nets_say(tmp_path: Path) -> None:
    shown = re.findall(r"^\| `\w+` \|.*\.py:\d+.*\|$", PAGE, re.MULTILINE)
    assert shown == [await row(scenario, tmp_path) for scenario in SCENARIOS]
    assert all(re.search(r"\w+\.py:\d+", line) for line in shown)
