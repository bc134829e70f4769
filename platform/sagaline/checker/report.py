"""A report of findings: as text for a person, as JSON and SARIF for machines."""

from __future__ import annotations

from typing import Any, NamedTuple

from sagaline.checker.findings import Finding, Severity


class Report(NamedTuple):
    """``findings`` are in order of file and line; ``workflows`` and ``files`` count what was checked."""

    findings: list[Finding]
    workflows: int
    files: int
    is_complete: bool = True

    @property
    def fails(self) -> bool:
        """Whether something was found that is more than a hint."""
        return any(finding.fails for finding in self.findings)

    def count(self, severity: Severity) -> int:
        """How many findings there are of a severity."""
        return sum(finding.severity is severity for finding in self.findings)


def as_text(report: Report) -> str:
    """Lines for a person: two or three a finding, and one for all."""
    lines: list[str] = []
    for finding in report.findings:
        lines.append(f"{finding.place}: {finding.severity} {finding.code}: {finding.what}")
        if len(finding.path) > 1:
            lines.append(f"    called by: {' -> '.join(finding.path)}")
        lines.append(f"    to do: {finding.fix}  ({finding.docs})")
    return "\n".join([*lines, summary(report)])


def summary(report: Report) -> str:
    """One line: what was checked, and what was found."""
    checked = f"{_counted(report.workflows, 'workflow')} in {_counted(report.files, 'file')} checked"
    if not report.is_complete:
        checked += ", not all of them: it took too long"
    counts = [(report.count(severity), severity.value) for severity in Severity]
    found = ", ".join(_counted(count, word) for count, word in counts if count)
    return f"{checked}: {found or 'nothing found'}."


def as_json(report: Report) -> dict[str, Any]:
    """The report as a value of JSON, in a shape that stays."""
    return {
        "workflows": report.workflows,
        "files": report.files,
        "complete": report.is_complete,
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity.value,
                "file": finding.place.file.as_posix(),
                "line": finding.place.line,
                "column": finding.place.column,
                "path": list(finding.path),
                "what": finding.what,
                "fix": finding.fix,
                "docs": finding.docs,
            }
            for finding in report.findings
        ],
    }


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
