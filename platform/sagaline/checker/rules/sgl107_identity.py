"""hash() and id(): numbers of the process."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sagaline.checker.annotations import is_steady
from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.rules.rule import Match, Names, Rule

_NAMES = Names(
    {
        "builtins.hash": "use a hash that is the same everywhere, such as hashlib.sha256 or zlib.crc32",
        "builtins.id": "use an id of your own: of the order, of the run, workflow.uuid4()",
    }
)


def _check(body: Body) -> Iterator[Match]:
    for match in _NAMES.matches(body, "{}() gives another number in each process"):
        call = body.parents.get(match.node)
        is_of_number = isinstance(call, ast.Call) and bool(call.args) and is_steady(body.value(call.args[0]))
        if not is_of_number:
            yield match


RULE = Rule("SGL107", "hash() and id()", Severity.WARNING, _check)
