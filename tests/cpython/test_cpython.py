"""CPython's own tests of locks, queues, time-outs, task groups, wait_for and tasks, on the loop of workflows.

``passes-<version>.json`` lists those that pass, ``differs.json`` those that do not, each with its reason.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("test.test_asyncio", reason="this interpreter came without its tests (libpython3-testsuite)")

HERE = Path(__file__).parent
SUPPORT = HERE.parent / "support"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
LISTED = HERE / f"passes-{VERSION}.json"
DIFFERS: dict[str, str] = json.loads((HERE / "differs.json").read_text("utf-8"))
BROKEN = """
import sys
from sagaline._runtime.loop import DeterministicLoop
from collections import deque
class LastFirst(deque):
    popleft = deque.pop
init = DeterministicLoop.__init__
def broken(self, *args, **options):
    init(self, *args, **options)
    self._ready = LastFirst()
DeterministicLoop.__init__ = broken
sys.argv = ["", "test_queues"]
import cpython_tests
cpython_tests.main()
"""


def outcomes(*command: str) -> Any:
    done = subprocess.run(
        [sys.executable, *command], cwd=SUPPORT, capture_output=True, env=os.environ, timeout=120, check=True
    )
    return json.loads(done.stdout)


def passing(module: dict[str, list[str]]) -> Iterator[str]:
    yield from (f"{case}.{name}" for case, names in module.items() for name in names)


@pytest.mark.skipif(not LISTED.exists(), reason=f"no list for Python {VERSION}")
def test_what_is_listed_passes_and_what_does_not_has_a_reason() -> None:
    found = outcomes("-m", "cpython_tests")
    listed = json.loads(LISTED.read_text("utf-8"))
    assert listed.keys() == found.keys()
    for name, module in found.items():
        known = set(passing(listed[name]))
        assert len(known & module.keys()) >= 0.9 * len(known), f"{name}: the list is of another version"
        failed = {test: outcome for test, outcome in module.items() if test in known and outcome != "ok"}
        assert failed == {}, f"{name}: they are listed as passing"
        unexplained = {
            test: outcome
            for test, outcome in module.items()
            if outcome not in ("ok", "skipped") and test not in DIFFERS and test not in known
        }
        assert unexplained == {}, f"{name}: give the reason in differs.json"


def test_a_loop_that_runs_in_another_order_fails_them() -> None:
    failed = [test for test, outcome in outcomes("-c", BROKEN)["test_queues"].items() if outcome != "ok"]
    assert len(failed) >= 3
