"""Files of Python code, parsed and never run. Whatever a file contains, the answer is a tree or a sentence."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
import warnings
from pathlib import Path

FILE_BYTES = 2_000_000
"""A larger file is generated data: its tree would take gigabytes."""
NESTING = 500
"""Code that is nested more deeply is refused. (A chain of `elif` is, by one level each.)"""

TEXT = 60
"""Characters of code that a message repeats."""


class Unreadable(Exception):
    """A file that cannot be checked, with the place and the reason."""

    def __init__(self, line: int, column: int, why: str) -> None:
        super().__init__(why)
        self.line, self.column, self.why = line, column, why


class Source:
    """A file's text and tree. ``file`` is where it is, ``path`` how it is shown."""

    def __init__(self, file: Path, text: str, tree: ast.Module) -> None:
        self.file = self.path = file
        self.text, self.tree = text, tree
        self.lines = text.splitlines()

    def column(self, node: ast.expr | ast.stmt | ast.excepthandler) -> int:
        """The column at which a node begins, in characters from 1. The tree counts bytes of UTF-8."""
        line = self.lines[node.lineno - 1] if node.lineno <= len(self.lines) else ""
        return len(line.encode("utf-8", "replace")[: node.col_offset].decode("utf-8", "ignore")) + 1


def read(path: Path, most_bytes: int = FILE_BYTES) -> Source:
    """Reads and parses a file. Raises Unreadable."""
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise Unreadable(1, 1, f"the file cannot be read: {error.strerror or error}") from error
    if len(content) > most_bytes:
        raise Unreadable(1, 1, f"the file is larger than {most_bytes:,} bytes")
    return parse(path, content)


def parse(path: Path, content: bytes) -> Source:
    """Parses what a file contains. Raises Unreadable."""
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise Unreadable(line, 1, "the file contains a null byte, so it is no Python code")
    text = _decoded(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of invalid escapes in the user's strings
            tree = ast.parse(text)
    except SyntaxError as error:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise Unreadable(
            error.lineno or 1, max(error.offset or 1, 1), f"Python {version} cannot parse it: {error.msg}"
        ) from error
    except (RecursionError, MemoryError) as error:
        raise Unreadable(1, 1, "the code is nested too deeply to be parsed") from error
    except ValueError as error:
        raise Unreadable(1, 1, f"the file is no Python code: {error}") from error
    _require_shallow(tree)
    return Source(path, text, tree)


def _decoded(content: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return io.TextIOWrapper(io.BytesIO(content), encoding).read()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Unreadable(line, 1, f"the file is not {error.encoding.upper()}: {error.reason}") from error
    except (SyntaxError, LookupError) as error:
        if "missing encoding" in str(error):
            raise Unreadable(1, 1, "the file is not UTF-8, and declares no other encoding") from error
        raise Unreadable(1, 1, f"the file's encoding is unknown: {error}") from error


def _require_shallow(tree: ast.Module) -> None:
    """Bounds the depth of the tree, so that code that walks it may be recursive. Raises Unreadable."""
    level: list[ast.AST] = [tree]
    for _ in range(NESTING):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    deepest = next((node for node in level if isinstance(node, ast.expr | ast.stmt)), None)
    line = deepest.lineno if deepest is not None else 1
    raise Unreadable(line, 1, f"the code is nested more than {NESTING} levels deep")


def text_of(node: ast.AST) -> str:
    """A piece of code as text, cut when it is long."""
    try:
        text = ast.unparse(node)
    except (RecursionError, ValueError):  # nested deeply; an f-string of a later Python
        return "..."
    return text if len(text) <= TEXT else f"{text[:TEXT]}..."
