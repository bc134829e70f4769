"""Comments that allow a finding need a reason, a known code, and something to allow."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sagaline.checker import Report

Check = Callable[..., Report]
CODE = """import time
from sagaline import workflow

@workflow
async def order():
    {line}
"""


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("time.time()", ["SGL101"]),
        ("time.time()  # sagaline: allow[SGL101] shown to people only", []),
        ("time.time()  # sagaline: allow[sgl101] shown to people only", []),
        ("time.time()  # sagaline: allow[SGL101, SGL001] shown to people only", ["SGL002"]),
        ("# sagaline: allow[SGL101] shown to people only\n\n    # more\n    time.time()", []),
        ("(time  # sagaline: allow[SGL101] shown to people\n    .time())", []),
        ("time.time()  # sagaline: allow[SGL101]", ["SGL003", "SGL101"]),
        ("time.time()  # sagaline: allow[SGL999] why", ["SGL003", "SGL101"]),
        ("time.time()  # sagaline: allow[] why", ["SGL003", "SGL101"]),
        ("time.time()  # sagaline: ignore", ["SGL003", "SGL101"]),
        ("time.time()  # sagaline: allow[SGL001] why", ["SGL002", "SGL101"]),
        ("pass  # sagaline: allow[SGL101] why", ["SGL002"]),
        ("x = '# sagaline: allow[SGL101] why'; time.time()", ["SGL101"]),
        ("pass  # what sagaline: does", []),
    ],
)
def test_a_comment_allows_what_it_names_and_gives_a_reason_for(
    check_code: Check, line: str, expected: list[str]
) -> None:
    report = check_code(main=CODE.format(line=line))
    assert sorted(codes(report)) == expected


def test_a_comment_in_an_imported_module_counts_and_its_unused_ones_are_its_own_checks_matter(
    check_code: Check,
) -> None:
    util = """
    import time
    def stamp():
        return time.time()  # sagaline: allow[SGL101] a test's clock
    x = 1  # sagaline: allow[SGL101] nothing
    """
    code = CODE.format(line="util.stamp()").replace("import time", "import util")
    assert check_code(main=code, util=util).findings == []
    assert codes(check_code(targets=("main.py", "util.py"), main=code, util=util)) == ["SGL002"]
