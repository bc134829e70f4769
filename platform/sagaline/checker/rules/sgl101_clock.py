"""The clock of the machine."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.rules.rule import Match, Names, Rule

_NOW = "use workflow.now(): the time of the activation, the same on replay"
_SECONDS = "use workflow.now().timestamp(), or asyncio.get_running_loop().time() for differences"
_NAMES = Names(
    {
        **dict.fromkeys(
            (
                "datetime.datetime.now",
                "datetime.datetime.utcnow",
                "datetime.datetime.today",
                "pendulum.now",
                "pendulum.today",
                "pendulum.tomorrow",
                "pendulum.yesterday",
                "arrow.now",
                "arrow.utcnow",
                "django.utils.timezone.now",
                "pandas.Timestamp.now",
                "pandas.Timestamp.utcnow",
                "whenever.Instant.now",
            ),
            _NOW,
        ),
        "datetime.date.today": "use workflow.now().date(): the date of the activation, the same on replay",
        **dict.fromkeys(
            (
                f"time.{name}{suffix}"
                for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime")
                for suffix in ("", "_ns")
            ),
            _SECONDS,
        ),
    }
)
_NOW_WITHOUT_ARGUMENT = {"time.localtime", "time.gmtime", "time.ctime", "time.asctime"}


def _check(body: Body) -> Iterator[Match]:
    yield from _NAMES.matches(body, "{} reads the machine's clock, which is another on replay")
    for call in body.of_type(ast.Call):
        name = body.external(call.func)
        if (name in _NOW_WITHOUT_ARGUMENT and not call.args) or (name == "time.strftime" and len(call.args) == 1):
            yield Match(call.func, f"{name} reads the machine's clock, which is another on replay", _NOW)


RULE = Rule("SGL101", "The machine's clock", Severity.ERROR, _check, in_variables=True)
