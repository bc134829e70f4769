"""``# sagaline: allow[SGL101] reason``: findings that somebody has looked at and wants."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Iterator

from sagaline.checker.findings import Finding, Place, Severity
from sagaline.checker.sources import Source

UNUSED, WRONG = "SGL002", "SGL003"
_COMMENT = re.compile(r"#\s*sagaline:\s*(?P<rest>.*)")
_ALLOW = re.compile(r"allow\[(?P<codes>[A-Za-z0-9_,\s]*)\]\s*(?P<reason>.*)")


class Allowances:
    """The comments of a file; ``problems`` are those that say nothing. A comment on a line of its own is of the next
    line of code."""

    def __init__(self, source: Source, known: Iterable[str]) -> None:
        self._source = source
        self._known = set(known)
        self._by_line: dict[int, dict[str, Place]] = {}
        self._used: set[tuple[str, Place]] = set()
        self.problems: list[Finding] = []
        for line, column, text in _comments(source):
            self._add(line, column, text)

    def allows(self, finding: Finding) -> bool:
        """Whether a comment on the lines of a finding allows it."""
        for line in range(finding.place.line, max(finding.place.line, finding.end_line) + 1):
            place = self._by_line.get(line, {}).get(finding.code)
            if place is not None:
                self._used.add((finding.code, place))
                return True
        return False

    def unused(self, checked: set[str]) -> Iterator[Finding]:
        """Comments that allow what nobody does, of the codes that were checked."""
        for codes in self._by_line.values():
            for code, place in codes.items():
                if code in checked and (code, place) not in self._used:
                    yield Finding(
                        UNUSED,
                        Severity.WARNING,
                        place,
                        f"allow[{code}] allows nothing: there is no such finding on this line",
                        "remove the comment",
                    )

    def _add(self, line: int, column: int, text: str) -> None:
        place = Place(self._source.path, line, column + 1)
        match = _ALLOW.fullmatch(text.strip())
        codes = [code.strip().upper() for code in match["codes"].split(",") if code.strip()] if match else []
        unknown = [code for code in codes if code not in self._known]
        if match is None or not codes or unknown:
            seen = f"the unknown code {unknown[0]}" if unknown else repr(text.strip()[:80])
            fix = "write `# sagaline: allow[SGL101] reason`, with a code of docs/checker.md"
            self.problems.append(Finding(WRONG, Severity.WARNING, place, f"a comment for the checker has {seen}", fix))
            return
        if not match["reason"].strip():
            what = f"allow[{', '.join(codes)}] has no reason, so it allows nothing"
            fix = "say behind the bracket why it does no harm here"
            self.problems.append(Finding(WRONG, Severity.WARNING, place, what, fix))
            return
        own_line = not self._source.lines[line - 1][:column].strip()
        allowed = self._by_line.setdefault(self._next_code(line) if own_line else line, {})
        allowed.update(dict.fromkeys(codes, place))

    def _next_code(self, line: int) -> int:
        lines = self._source.lines
        while line < len(lines) and (not lines[line].strip() or lines[line].lstrip().startswith("#")):
            line += 1
        return line + 1


def _comments(source: Source) -> Iterator[tuple[int, int, str]]:
    if "sagaline:" not in source.text:
        return
    try:
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            match = _COMMENT.match(token.string) if token.type == tokenize.COMMENT else None
            if match:
                yield token.start[0], token.start[1], match["rest"]
    except (tokenize.TokenError, SyntaxError):  # it has been parsed, so this is the end of the file
        return
