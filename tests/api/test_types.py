"""Wrong use of the public API is rejected by mypy and by pyright, on the very line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WRONG = Path(__file__).parent / "rejected" / "wrong_uses.py"
LINES = WRONG.read_text().splitlines()
EXPECTED = {number for number, line in enumerate(LINES, 1) if line.endswith("# wrong")}
NOT_ASYNC = {number for number, line in enumerate(LINES, 1) if line in ("@saga",) or "the line of the" in line}


def check(found: set[int]) -> None:
    assert found >= EXPECTED, f"accepted: lines {sorted(EXPECTED - found)}"
    assert found - EXPECTED <= NOT_ASYNC
    assert found & NOT_ASYNC, "a saga that is not async was accepted"


def test_mypy_rejects_wrong_use() -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context", str(WRONG)]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    check({int(number) for number in re.findall(r"wrong_uses\.py:(\d+): error", shown)})


def test_pyright_rejects_wrong_use() -> None:
    command = [sys.executable, "-m", "pyright", "--outputjson", "-p", str(WRONG.parent)]
    shown = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    errors = [one for one in shown["generalDiagnostics"] if one["severity"] == "error"]
    check({one["range"]["start"]["line"] + 1 for one in errors})
