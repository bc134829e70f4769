"""No false alarm: the checker knows each workflow of the repository's own examples, and fails none. (A hint may be right.)"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sagaline.checker import as_text, check, files_of

ROOT = Path(__file__).parents[3]
WORKFLOW = re.compile(r"^ *@(workflow|saga)\b(?!\.)", re.MULTILINE)


def code_of(page: Path) -> str:
    return "".join(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL))


OF_ITS_OWN_TEST = "checker.md"
PAGES = [
    page
    for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("sagas/**/*.md"))]
    if page.name != OF_ITS_OWN_TEST and WORKFLOW.search(code_of(page))
]


def test_the_examples_are_clean() -> None:
    report = check(files_of(str(ROOT / "sagas"), []))
    assert report.workflows >= 1
    assert not report.fails, as_text(report)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_pages_are_clean(page: Path, tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text(code_of(page))
    report = check([tmp_path / "page.py"])
    assert report.workflows >= 1
    assert not report.fails, as_text(report)


@pytest.mark.parametrize("name", ["host_sagas.py", "plain_sagas.py", "hung_sagas.py", "simulation/load.py"])
def test_sagas_of_other_tests_are_right_too(name: str) -> None:
    report = check([ROOT / "tests" / "support" / name])
    assert report.workflows >= 1
    assert not report.fails, as_text(report)
