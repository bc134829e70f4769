"""A report as SARIF 2.1.0, the format that code hosts and editors read."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from sagaline.checker.findings import Finding, Severity
from sagaline.checker.report import Report
from sagaline.checker.rules import RULES

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "note"}
_OTHERS = {
    "SGL001": "A file that cannot be read",
    "SGL002": "A comment that allows nothing",
    "SGL003": "A comment that cannot be understood",
    "SGL501": "Steps that differ from an earlier version",
}
TITLES = _OTHERS | {rule.code: rule.title for rule in RULES}
"""What each code is about."""


def as_sarif(report: Report, version: str) -> dict[str, Any]:
    """The report as a value of JSON; ``version`` is Sagaline's."""
    codes = sorted({finding.code for finding in report.findings})
    driver = {"name": "sagaline check", "version": version, "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(finding, codes) for finding in report.findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> dict[str, Any]:
    return {
        "id": code,
        "name": code,
        "shortDescription": {"text": TITLES[code]},
        "help": {"text": f"docs/checker.md#{code.lower()}"},
    }


def _result(finding: Finding, codes: list[str]) -> dict[str, Any]:
    path = f" (called by: {' -> '.join(finding.path)})" if len(finding.path) > 1 else ""
    region = {"startLine": finding.place.line, "startColumn": finding.place.column}
    if finding.end_line > finding.place.line:
        region["endLine"] = finding.end_line
    location = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(finding)},
            "region": region,
        }
    }
    return {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.what}{path}. To do: {finding.fix}"},
        "locations": [location],
    }


def _uri(finding: Finding) -> str:
    """A file's URI: relative as it was given, absolute with its scheme."""
    file = finding.place.file
    return file.as_uri() if file.is_absolute() else quote(file.as_posix())
