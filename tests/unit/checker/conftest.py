"""A folder of code to check."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from sagaline.checker import Report, check, files_of

Check = Callable[..., Report]


@pytest.fixture
def check_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """``check_code(main="...", helper="...")`` writes main.py and helper.py and checks main.py; ``shop__util`` is
    shop/util.py."""
    monkeypatch.chdir(tmp_path)

    def run(*, targets: tuple[str, ...] = ("main.py",), **code: str) -> Report:
        for name, text in code.items():
            file = Path(*name.replace("__init", "INIT").split("__")).with_suffix(".py")
            file = file.with_name(file.name.replace("INIT", "__init__"))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text))
        return check([file for target in targets for file in files_of(target, [Path()])])

    return run


def shown(report: Report) -> list[tuple[str, str]]:
    """Code and place of each finding."""
    return [(finding.code, f"{finding.place.file}:{finding.place.line}") for finding in report.findings]
