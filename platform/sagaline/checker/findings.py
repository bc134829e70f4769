"""What the checker says: a finding, its severity, and the way from a workflow to it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import NamedTuple


class Severity(StrEnum):
    """How sure and how bad. Hints never fail a check."""

    ERROR = "error"
    """Breaks a run: it parks on replay, or never goes on."""
    WARNING = "warning"
    """Breaks a run unless something that cannot be seen in the code prevents it."""
    HINT = "hint"
    """Worth a look."""


class Place(NamedTuple):
    """Line and column count from 1; a column counts characters."""

    file: Path
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Finding(NamedTuple):
    """``path`` leads from the workflow to the function of the finding: ``("order", "helper.price")``."""

    code: str
    severity: Severity
    place: Place
    what: str
    fix: str
    path: tuple[str, ...] = ()
    end_line: int = 0

    @property
    def docs(self) -> str:
        """The part of the documentation that explains it."""
        return f"docs/checker.md#{self.code.lower()}"

    @property
    def fails(self) -> bool:
        """Whether it fails a check."""
        return self.severity is not Severity.HINT
