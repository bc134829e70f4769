"""The check at a worker's start: a look at the code of its workflows, beside everything else, that fails nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from sagaline.checker.checking import UNREADABLE, check
from sagaline.checker.findings import Finding
from sagaline.checker.project import Bounds

SECONDS = 2.0
"""How long the check may take. A thread of its own works on it, but Python runs one thread at a time."""
FILE_BYTES = 200_000
"""A larger file is left out: it would be parsed in one go, and hold up the worker's loop."""
WARNINGS = 20
"""Findings that are logged; `sagaline check` has the rest."""
_CHECKS = 100
"""Checks that are remembered: workers of one process often have the same workflows."""

_log = logging.getLogger("sagaline.worker")
_known: dict[tuple[tuple[str, int, int], ...], list[Finding]] = {}


def warn_in_background(files: Iterable[Path]) -> threading.Thread:
    """Checks files in a thread and logs what is found. Whatever goes wrong, the worker goes on."""
    thread = threading.Thread(target=_warn, args=(list(files),), name="sagaline-check", daemon=True)
    thread.start()
    return thread


def _warn(files: list[Path]) -> None:
    try:
        findings = _findings(files)
    except Exception:  # of code that nobody has thought of; the command has the same, where it can be reported
        _log.debug("The check of workflow code at the start failed.", exc_info=True)
        return
    for finding in findings[:WARNINGS]:
        path = f" (called by: {' -> '.join(finding.path)})" if len(finding.path) > 1 else ""
        _log.warning(
            "%s: %s: %s%s. To do: %s (%s)", finding.place, finding.code, finding.what, path, finding.fix, finding.docs
        )
    if len(findings) > WARNINGS:
        _log.warning("%d more findings in workflow code: run `sagaline check`.", len(findings) - WARNINGS)


def _findings(files: list[Path]) -> list[Finding]:
    files = sorted({file for file in files if file.suffix == ".py" and file.is_file()})
    states = [(str(file), file.stat()) for file in files]
    key = tuple((name, state.st_mtime_ns, state.st_size) for name, state in states)
    if key not in _known:
        report = check(files, bounds=Bounds(FILE_BYTES, time.monotonic() + SECONDS))
        if len(_known) >= _CHECKS:
            _known.clear()
        _known[key] = [finding for finding in report.findings if finding.fails and not _is_about_the_check(finding)]
    return _known[key]


def _is_about_the_check(finding: Finding) -> bool:
    """A file that is too large, a comment that is unused: nothing that a run would meet."""
    return finding.code <= UNREADABLE or not finding.path
