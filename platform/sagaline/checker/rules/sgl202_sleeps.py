"""Sleeps that block the worker and are forgotten in a crash."""

from __future__ import annotations

from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.rules.rule import Match, Names, Rule

_FIX = "use `await asyncio.sleep(seconds)` or `await workflow.sleep(duration)`: a durable timer"
_NAMES = Names(dict.fromkeys(("time.sleep", "gevent.sleep", "eventlet.sleep", "signal.pause", "signal.sigwait"), _FIX))


def _check(body: Body) -> Iterator[Match]:
    yield from _NAMES.matches(body, "{} holds up every run of the worker, and starts anew after a crash")


RULE = Rule("SGL202", "Sleeps that are not durable", Severity.ERROR, _check)
