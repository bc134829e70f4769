"""SARIF 2.1.0: what its schema requires, and what code hosts need to show a finding at its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from sagaline.checker import Report, as_sarif, check
from sagaline.checker.rules import RULES
from sagaline.checker.sarif import TITLES

CODE = """
from sagaline import workflow
import time

@workflow
async def order():
    print("once")
    return (time
        .time())
"""


def required(value: dict[str, object], *names: str) -> None:
    assert set(names) <= value.keys(), f"the schema requires {names}"


def test_it_has_what_the_schema_requires(check_code: Callable[..., Report]) -> None:
    report = check_code(main=CODE)
    sarif = json.loads(json.dumps(as_sarif(report, "1.2.3")))
    required(sarif, "version", "runs")
    assert sarif["version"] == "2.1.0"
    assert urlsplit(sarif["$schema"]).scheme == "https"
    (run,) = sarif["runs"]
    required(run, "tool")
    required(run["tool"], "driver")
    driver = run["tool"]["driver"]
    required(driver, "name")
    assert driver["version"] == "1.2.3"
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    for invocation in run["invocations"]:
        required(invocation, "executionSuccessful")
    for rule in driver["rules"]:
        required(rule, "id")
        required(rule["shortDescription"], "text")
        required(rule["help"], "text")
    assert len(run["results"]) == len(report.findings) == 2
    for result in run["results"]:
        required(result, "message")
        required(result["message"], "text")
        assert result["level"] in ("none", "note", "warning", "error")
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        for location in result["locations"]:
            physical = location["physicalLocation"]
            required(physical, "artifactLocation")
            assert not urlsplit(physical["artifactLocation"]["uri"]).scheme
            assert physical["region"]["startLine"] >= 1
            assert physical["region"]["startColumn"] >= 1
            assert physical["region"].get("endLine", 10**6) >= physical["region"]["startLine"]


def test_the_levels_are_those_of_the_findings(check_code: Callable[..., Report]) -> None:
    results = as_sarif(check_code(main=CODE), "0")["runs"][0]["results"]
    assert [(result["ruleId"], result["level"]) for result in results] == [("SGL108", "note"), ("SGL101", "error")]
    assert results[1]["locations"][0]["physicalLocation"]["region"] == {"startLine": 8, "startColumn": 13, "endLine": 9}


def test_files_with_odd_names_have_uris(tmp_path: Path) -> None:
    file = tmp_path / "ä b#.py"
    file.write_text(CODE)
    (uri, *_) = [
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in as_sarif(check([file]), "0")["runs"][0]["results"]
    ]
    assert uri.startswith("file:///")
    assert uri.endswith("/%C3%A4%20b%23.py")


def test_a_clean_report_has_no_results(check_code: Callable[..., Report]) -> None:
    (run,) = as_sarif(check_code(main="x = 1"), "0")["runs"]
    assert run["results"] == []


def test_every_code_has_a_title() -> None:
    assert {rule.code for rule in RULES} <= TITLES.keys()
