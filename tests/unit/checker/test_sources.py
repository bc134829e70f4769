"""Whatever a file contains, the check ends with a sentence about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sagaline.checker import Report, check, files_of
from sagaline.checker.sources import FILE_BYTES

GOOD = b"import time\nfrom sagaline import workflow\n@workflow\nasync def order():\n    return time.time()\n"
HOSTILE: dict[str, tuple[bytes, str]] = {
    "syntax": (b"x = 1\ndef (:\n", "cannot parse it: "),
    "null byte": (b"x = 1\ny = '\0'\n", "null byte"),
    "not UTF-8": (b"x = '\xff\xfe'\n", "not UTF-8"),
    "unknown encoding": (b"# -*- coding: no-such -*-\n", "encoding is unknown"),
    "encoding that is no text": (b"# -*- coding: rot13 -*-\nx\n", "encoding is unknown"),
    "too large": (b"x = 1\n" * (FILE_BYTES // 6 + 1), "larger than"),
    "5 MB on one line": (b"x = '" + b"a" * 5_000_000 + b"'", "larger than"),
    "brackets": (b"x = " + b"(" * 50_000 + b")" * 50_000, "nested"),
    "lists": (b"x = " + b"[" * 150 + b"]" * 150, ""),
    "attributes": (b"x = a" + b".a" * 100_000, "nested"),
    "calls": (b"x = a" + b"()" * 100_000, "nested"),
    "minus": (b"x = " + b"-" * 100_000 + b"1", "nested"),
    "sums": (b"x = 1" + b" + 1" * 100_000, "nested"),
    "elifs": (b"if a: pass\n" + b"elif a: pass\n" * 5_000, "nested"),
    "indentation": (b"".join(b" " * level + b"if a:\n" for level in range(120)) + b" " * 120 + b"pass\n", ""),
    "a number without end": (b"x = " + b"9" * 100_000, ""),
    "binary": (bytes(range(1, 256)) * 100, ""),
    "lone surrogate": (b"x = '\\ud800'\n", ""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_a_finding_and_the_others_are_checked(tmp_path: Path, name: str) -> None:
    content, words = HOSTILE[name]
    (tmp_path / "hostile.py").write_bytes(content)
    (tmp_path / "good.py").write_bytes(b"from hostile import *\nimport hostile\n" + GOOD)
    report = check(files_of(str(tmp_path), []))
    assert [finding.code for finding in report.findings if finding.place.file.name == "good.py"] == ["SGL101"]
    about = [finding for finding in report.findings if finding.place.file.name == "hostile.py"]
    if words:
        (finding,) = about
        assert finding.code == "SGL001"
        assert words in finding.what
        assert report.fails


def test_a_syntax_error_has_its_place(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("x = 1\n\ndef order(:\n    pass\n")
    (finding,) = check([file]).findings
    assert str(finding.place) == f"{file}:3:11"


@pytest.mark.parametrize(
    "body",
    [
        "a = b\nb = a\ndef f(): return a()",
        "a = b = lambda: a()\ndef f(): return b()",
        "class A(B): ...\nclass B(A): ...\ndef f(): return A().missing()",
        "from main import *\ndef f(): return unknown()",
        "import main\nx = main.x\ndef f(): return x.y()",
        "def f(): return f()",
        "def f(x: 'f'): return x.f()",
        'def f(x: "\'" * 3): return x',
        "def f(x: '((((') -> '': return x",
        "def f():\n    x = x\n    return x.time()",
        "class A:\n    a = a\n    def __init__(self): self.b = self.b\ndef f(): return A().b.c",
        "f = f.options()\n",
        "@f\ndef f(): ...",
        "def f(): return [f for f in f][0]()",
    ],
)
def test_circles_of_names_end(check_code: Callable[..., Report], body: str) -> None:
    report = check_code(
        main="from sagaline import workflow\nfrom helper import f\n@workflow\nasync def order():\n    return f()\n",
        helper=body,
    )
    assert report.findings == []


@pytest.mark.parametrize("line", ["from {} import *", "from {} import f", "import {0} as f; from {0} import f"])
def test_modules_that_import_from_one_another_end(check_code: Callable[..., Report], line: str) -> None:
    report = check_code(
        main="from sagaline import workflow\nfrom one import f\n@workflow\nasync def order():\n    return f() + f.g()\n",
        one=line.format("two"),
        two=line.format("three") + "\n" + line.format("one"),
        three=line.format("one"),
    )
    assert report.findings == []


def test_columns_count_characters(check_code: Callable[..., Report]) -> None:
    report = check_code(
        main="import time\nfrom sagaline import workflow\n@workflow\nasync def order():\n    'ä☂'; time.time()\n"
    )
    assert report.findings[0].place.column == 11
