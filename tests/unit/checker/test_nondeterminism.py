"""The ten workflows that are deliberately not deterministic, found without running them (SEMANTICS.md section 6.9)."""

from __future__ import annotations

from pathlib import Path

import pytest
from nondeterminism import SCENARIOS, Scenario

from sagaline.checker import as_text, check


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_each_of_the_ten_is_found_at_its_line(scenario: Scenario) -> None:
    report = check([scenario.file], earlier=None if scenario.before is None else [scenario.before])
    (finding,) = report.findings
    assert (finding.code, finding.place.line) == (scenario.code, scenario.line), as_text(report)
    assert finding.fails


CHANGES = [scenario for scenario in SCENARIOS if scenario.before is not None]


@pytest.mark.parametrize("scenario", CHANGES, ids=lambda scenario: scenario.name)
def test_each_version_of_a_change_is_right_by_itself(scenario: Scenario) -> None:
    files = [Path(file) for file in (scenario.before, scenario.file) if file is not None]
    for file in files:
        assert check([file], earlier=[file]).findings == []


def test_there_are_ten() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == 10
