"""Rules about handlers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sagaline.checker import Report

Check = Callable[..., Report]
CLASS = """
import asyncio
from sagaline import activity, workflow

@activity
async def ship(): ...

@workflow
class Order:
    def __init__(self) -> None:
        self.items: list[str] = []
        self.count = 0
        self.done = asyncio.Event()

    def helper(self):
        self.count += 1

    def reader(self):
        return self.count

    @workflow.signal
    def add(self, item: str):
        {signal}

    @workflow.query
    def ask(self, item: str):
        {query}

    @workflow.update
    async def change(self, item: str):
        {update}

    @change.validator
    def check_change(self, item: str):
        {validator}

    @workflow.run
    async def run(self): ...
"""
CHANGES = [
    "self.count = 1",
    "self.count += 1",
    "self.items.append(item)",
    "self.items[0] = item",
    "del self.items[0]",
    "self.helper()",
    "self.done.set()",
    "ship()",
    "asyncio.create_task(self.run())",
    "workflow.random().random()",
    "asyncio.get_running_loop().call_later(5, print)",
]
ANSWERS = [
    "return self.count",
    "return self.reader()",
    "count = self.count\n        count += 1\n        return count",
    "items = sorted(self.items)\n        items.append(item)\n        return items",
    "return workflow.now()",
    "return self.done.is_set()",
    "raise ValueError(item)",
]


def codes(check_code: Check, **handlers: str) -> list[str]:
    bodies = dict.fromkeys(("signal", "query", "update", "validator"), "...") | handlers
    return [finding.code for finding in check_code(main=CLASS.format(**bodies)).findings]


@pytest.mark.parametrize("body", CHANGES)
@pytest.mark.parametrize("handler", ["query", "validator"])
def test_who_only_asks_changes_nothing(check_code: Check, handler: str, body: str) -> None:
    found = codes(check_code, **{handler: body})
    assert "SGL304" in found
    assert set(found) <= {"SGL304", "SGL301", "SGL108"}


@pytest.mark.parametrize("body", ANSWERS)
@pytest.mark.parametrize("handler", ["query", "validator"])
def test_who_asks_may_compute(check_code: Check, handler: str, body: str) -> None:
    assert codes(check_code, **{handler: body}) == []


def test_signals_and_updates_change_what_they_like(check_code: Check) -> None:
    body = "self.count = 1; self.items.append(item); self.helper(); self.done.set()"
    assert codes(check_code, signal=body, update=f"{body}; await ship()") == []
