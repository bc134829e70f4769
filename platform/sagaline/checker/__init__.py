"""A static check of workflow code: what would make a run differ on replay is found before it runs.

It parses files and follows calls; it imports neither the user's code nor the rest of Sagaline.
"""

from __future__ import annotations

from sagaline.checker.at_start import warn_in_background
from sagaline.checker.checking import check
from sagaline.checker.files import TargetNotFound, files_below, files_of, path_of
from sagaline.checker.findings import Finding, Place, Severity
from sagaline.checker.report import Report, as_json, as_text
from sagaline.checker.sarif import as_sarif
from sagaline.checker.versions.earlier import VersionNotFound, earlier_files

__all__ = [
    "Finding",
    "Place",
    "Report",
    "Severity",
    "TargetNotFound",
    "VersionNotFound",
    "as_json",
    "as_sarif",
    "as_text",
    "check",
    "earlier_files",
    "files_below",
    "files_of",
    "path_of",
    "warn_in_background",
]
