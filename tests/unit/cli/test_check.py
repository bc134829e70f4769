"""sagaline check: exit codes, and what is printed."""

from __future__ import annotations

import json
import re
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


def test_sarif_is_printed() -> None:
    done = CliRunner().invoke(app, ["check", "wrong.py", "--sarif"])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["runs"][0]["results"][0]["ruleId"] == "SGL101"


def test_an_earlier_version_is_compared() -> None:
    Path("before.py").write_text(RIGHT.replace("return", "await workflow.sleep(1)\n    return"))
    done = CliRunner().invoke(app, ["check", "right.py", "--against", "before.py"])
    assert done.exit_code == 1
    assert "SGL501: timer is gone" in done.stdout
    unknown = CliRunner().invoke(app, ["check", "right.py", "--against", "no-such-thing"])
    assert isinstance(unknown.exception, ConfigurationError)
    assert "'no-such-thing'" in str(unknown.exception)


def test_the_hook_for_pre_commit_runs_this_command() -> None:
    text = (Path(__file__).parents[3] / ".pre-commit-hooks.yaml").read_text("utf-8")
    entry = re.search(r"^  entry: sagaline (.*)$", text, re.MULTILINE)
    arguments = re.search(r"^  args: \[\"(.*)\"\]$", text, re.MULTILINE)
    assert entry
    assert arguments
    assert "pass_filenames: false" in text
    done = CliRunner().invoke(app, [entry[1], arguments[1]])
    assert done.exit_code == 1
    assert "shop/flows/order.py:5:12: error SGL101" in done.stdout
