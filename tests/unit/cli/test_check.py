"""sagaline check: exit codes, and what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sagaline.cli import app
from sagaline.errors import ConfigurationError

WRONG = "import time\nfrom sagaline import workflow\n@workflow\nasync def order():\n    return time.time()\n"
RIGHT = "from sagaline import workflow\n@workflow\nasync def order():\n    return workflow.now()\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "right.py").write_text(RIGHT)
    for package in ("shop", ".hidden", "node_modules"):
        (tmp_path / package / "flows").mkdir(parents=True)
        (tmp_path / package / "flows" / "order.py").write_text(WRONG)


def test_clean_code_ends_with_0() -> None:
    done = CliRunner().invoke(app, ["check", "right.py"])
    assert done.exit_code == 0
    assert done.stdout == "1 workflow in 1 file checked: nothing found.\n"


def test_a_finding_ends_with_1_and_says_what_to_do() -> None:
    done = CliRunner().invoke(app, ["check", "wrong.py"])
    assert done.exit_code == 1
    first, second, last = done.stdout.splitlines()
    assert first.startswith("wrong.py:5:12: error SGL101: time.time reads")
    assert "to do: use workflow.now()" in second
    assert "docs/checker.md#sgl101" in second
    assert last == "1 workflow in 1 file checked: 1 error."


@pytest.mark.parametrize(("target", "files"), [("shop", 1), ("shop.flows", 1), ("shop.flows.order", 1), (".", 3)])
def test_folders_and_packages(target: str, files: int) -> None:
    done = CliRunner().invoke(app, ["check", target, "--json"])
    report = json.loads(done.stdout)
    assert done.exit_code == 1
    assert report["files"] == files
    assert {finding["file"] for finding in report["findings"]} >= {"shop/flows/order.py"}


@pytest.mark.parametrize("target", ["missing.py", "missing", "missing.module", "a b", ""])
def test_what_is_not_there_is_wrong_use(target: str) -> None:
    done = CliRunner().invoke(app, ["check", target])
    assert isinstance(done.exception, ConfigurationError)
    assert repr(target) in str(done.exception)
