"""docs/coming-from-temporal.md: each line that says "same" names a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "coming-from-temporal.md"
CONSTRUCTS = sorted(Path(__file__).parent.glob("test_coming_from*.py"))
WORDS = {"same", "other", "not yet", "none"}


def rows() -> list[tuple[str, str, str, str]]:
    """Their construct, our word for it, ours, its test."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [(row[0], row[1], row[2], row[3]) for row in cells if row[1]]


def test_each_line_that_says_same_names_a_test_that_is_there() -> None:
    assert len(rows()) >= 80
    for construct, word, ours, test in rows():
        assert word in WORDS, construct
        assert ours, construct
        assert word != "not yet" or re.search(r"issue \d+|no issue", ours), f"{construct}: which issue brings it?"
        match = re.fullmatch(r"`(test_\w+\.py)::(\w+)`", test)
        assert (match is not None) == (word == "same"), construct
        if match is not None:
            texts = [file.read_text("utf-8") for file in (ROOT / "tests").rglob(match[1])]
            texts += [file.read_text("utf-8") for file in (ROOT / "sagas").rglob(match[1])]
            assert any(re.search(rf"def {match[2]}\(", text) for text in texts), f"{construct}: {test}"


def test_no_test_of_a_construct_is_without_a_line() -> None:
    named = {test.split("::")[1].rstrip("`") for *_, test in rows() if test.startswith("`test_coming_from")}
    texts = [file.read_text("utf-8") for file in CONSTRUCTS]
    here = {name for text in texts for name in re.findall(r"^async def (test_\w+)\(", text, re.MULTILINE)}
    assert named == here
