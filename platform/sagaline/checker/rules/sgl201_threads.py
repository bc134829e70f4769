"""Threads, processes and executors."""

from __future__ import annotations

from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.rules.rule import Match, Names, Rule

_FIX = "call an activity: an ordinary function with @activity runs in a thread"
_TASKS = "asyncio.gather and TaskGroup run steps side by side"
_NAMES = Names(
    {
        "asyncio.to_thread": _FIX,
        "asyncio.AbstractEventLoop.run_in_executor": _FIX,
        "os.fork": _FIX,
        "os.register_at_fork": _FIX,
        "signal.signal": "handle signals where the worker is started",
        "signal.alarm": "use asyncio.timeout, which is durable",
    },
    {
        "threading": f"{_FIX}; {_TASKS}",
        "_thread": _FIX,
        "multiprocessing": _FIX,
        "concurrent.futures": f"{_FIX}; {_TASKS}",
        "anyio.to_thread": _FIX,
        "anyio.to_process": _FIX,
        "anyio.from_thread": _FIX,
        "asgiref.sync": _FIX,
        "starlette.concurrency": _FIX,
        "fastapi.concurrency": _FIX,
        "gevent": _FIX,
        "eventlet": _FIX,
        "joblib": _FIX,
        "dask": _FIX,
    },
    frozenset(
        f"{owner}.{name}"
        for owner, names in (
            ("threading", "current_thread get_ident active_count local"),
            ("multiprocessing", "cpu_count current_process"),
            ("concurrent.futures", "wait as_completed"),
            ("concurrent.futures.Future", "result exception"),
            ("gevent", "sleep"),
            ("eventlet", "sleep"),
        )
        for name in names.split()
    ),
)


def _check(body: Body) -> Iterator[Match]:
    yield from _NAMES.matches(body, "{} leaves the run's one thread, so the order of events is left to chance")


RULE = Rule("SGL201", "Threads", Severity.ERROR, _check)
