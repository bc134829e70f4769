"""The page of the task protocol: its blocks run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "task-protocol.md"


def test_every_block_runs(tmp_path: Path) -> None:
    file = tmp_path / "page.py"
    file.write_text("".join(re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)))
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
