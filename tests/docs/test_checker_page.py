"""docs/checker.md: each code has its section, and its examples are what they are said to be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sagaline.checker import check
from sagaline.checker.rules import RULES

PAGE = (Path(__file__).parents[2] / "docs" / "checker.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^### (SGL\d+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))


def blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def codes(code: str, folder: Path) -> set[str]:
    (folder / "example.py").write_text(code)
    return {finding.code for finding in check([folder / "example.py"]).findings}


def test_every_rule_has_a_section_and_every_section_a_rule() -> None:
    about_the_check = {"SGL001", "SGL002", "SGL003", "SGL501"}
    assert set(SECTIONS) - about_the_check == {rule.code for rule in RULES}


@pytest.mark.parametrize("code", SECTIONS)
def test_a_section_says_why_and_how_to_fix_it(code: str) -> None:
    text = " ".join(SECTIONS[code].split())
    assert text.startswith("**")
    assert "*Why*: " in text
    assert "*Fix*: " in text


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_wrong_example_gives_its_code_and_the_right_one_nothing(rule: object, tmp_path: Path) -> None:
    code = rule.code  # type: ignore[attr-defined]
    wrong, right = (blocks(SECTIONS[code])[number] for number in (0, 1))
    assert wrong.startswith("# wrong")
    assert right.startswith("# right")
    assert codes(wrong, tmp_path) == {code}
    assert codes(right, tmp_path) == set()


def test_the_patched_example_goes_on_with_runs_of_the_one_before(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.py" for name in ("before", "wrong", "right")]
    for file, block in zip(files, blocks(SECTIONS["SGL501"]), strict=True):
        assert block.startswith(f"# {file.stem}")
        file.write_text(block)
    before, wrong, right = files
    assert [finding.code for finding in check([wrong], earlier=[before]).findings] == ["SGL501"]
    assert check([right], earlier=[before]).findings == []


def test_the_example_of_an_allowed_finding_is_allowed(tmp_path: Path) -> None:
    (allowed,) = [block for block in blocks(PAGE) if "allow[" in block]
    assert codes(allowed, tmp_path) == set()
    assert codes(allowed.replace("# sagaline", "# "), tmp_path) == {"SGL106"}
