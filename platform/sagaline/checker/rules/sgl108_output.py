"""Output that appears again on each replay."""

from __future__ import annotations

from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.rules.rule import Match, Names, Rule

_FIX = "use workflow.logger, which is silent on replay"
_LEVELS = "debug info warning warn error exception critical log".split()
_NAMES = Names(
    {
        "builtins.print": _FIX,
        "pprint.pprint": _FIX,
        "rich.print": _FIX,
        "sys.stdout": _FIX,
        "sys.stderr": _FIX,
        **{f"{owner}.{level}": _FIX for owner in ("logging", "logging.Logger", "loguru.logger") for level in _LEVELS},
    }
)


def _check(body: Body) -> Iterator[Match]:
    yield from _NAMES.matches(body, "{} writes again on each replay")


RULE = Rule("SGL108", "Output", Severity.HINT, _check)
