"""Whatever a program looks like, the check ends, and in good time."""

from __future__ import annotations

import keyword
import random
import re
import time
from pathlib import Path

import pytest

from sagaline.checker import check, files_of

ROOT = Path(__file__).parents[3]
CORPUS = [
    file.read_text("utf-8")
    for file in [
        *sorted((ROOT / "tests" / "nondeterministic").glob("*.py")),
        *sorted((ROOT / "tests" / "hostile").glob("*.py")),
        ROOT / "tests" / "api" / "accepted.py",
        ROOT / "tests" / "support" / "golden_sagas.py",
    ]
]
TOKEN = re.compile(r"\w+|\s+|.", re.DOTALL)


def mutated(chance: random.Random) -> str:
    """A program in which a few names are exchanged for others of it."""
    tokens = TOKEN.findall(chance.choice(CORPUS))
    places = [place for place, token in enumerate(tokens) if token.isidentifier() and not keyword.iskeyword(token)]
    for _ in range(chance.randint(1, 12)):
        tokens[chance.choice(places)] = tokens[chance.choice(places)]
    return "".join(tokens)


@pytest.mark.parametrize("seed", range(40))
def test_programs_with_exchanged_names(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    (tmp_path / "code.py").write_text(mutated(chance))
    (tmp_path / "earlier.py").write_text(mutated(chance))
    report = check([tmp_path / "code.py"], earlier=[tmp_path / "earlier.py"])
    assert report.is_complete


def test_a_hundred_files_take_seconds(tmp_path: Path) -> None:
    """A chain of modules, each with classes, branches and a workflow: about 8,000 lines."""
    body = "\n".join(
        f"class C{n}:\n    def __init__(self, x: int) -> None:\n        self.x = x\n\n    def m(self, y):\n"
        f"        return [self.x + i for i in range(y) if i % {n + 1}]\n\ndef f{n}(z):\n"
        f"    c = C{n}(z)\n    return {{k: v for k, v in zip(c.m(z), c.m(z))}} if z else f{max(n - 1, 0)}(z)\n"
        for n in range(6)
    )
    for number in range(100):
        following = f"from m{number + 1} import *\nimport m{number + 1} as after\n" if number < 99 else ""
        call = "after.go(x)" if number < 99 else "x"
        (tmp_path / f"m{number}.py").write_text(
            f"{following}from sagaline import workflow\n{body}\ndef go(x):\n    f5(x)\n    return {call}\n\n"
            f"@workflow\nasync def w{number}(x):\n    return go(x)\n"
        )
    began = time.process_time()
    report = check(files_of(str(tmp_path), []))
    seconds = time.process_time() - began
    assert (report.files, report.workflows, report.findings) == (100, 100, [])
    assert seconds < 10, f"{seconds:.1f} s of processor time"
