"""Rules about the order of a saga's steps: hints, because a step that only reads cannot be told from one with an effect."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sagaline.checker import Report

Check = Callable[..., Report]
STEPS = """
from sagaline import activity, saga, workflow

@activity
async def reserve(): ...

@reserve.compensation
async def release(): ...

@activity
async def charge(): ...

@charge.compensation(name="give back")
async def refund(): ...

@activity
async def look(): ...

@activity
async def ship(): ...

class Bank:
    @activity
    async def pay(self): ...

    @pay.compensation
    async def pay_back(self): ...
"""
CASES: list[tuple[str, str, list[str]]] = [
    ("saga", "await reserve()\n    await charge()\n    await ship()", []),
    ("saga", "await reserve()\n    await look()\n    await charge()", ["SGL401"]),
    ("saga", "await look()\n    await Bank.pay()", ["SGL401"]),
    ("saga", "await Bank.pay()\n    await ship()", []),
    ("saga", "await look()\n    await ship()", []),
    ("saga", "await reserve.options(timeout='1s')()\n    await ship.options(timeout='1s')()", []),
    ("saga", "await reserve()\n    if 1: return await look()\n    return await ship()", []),
    ("workflow", "await reserve()\n    await look()\n    await charge()", []),
    ("saga", "await reserve()\n    await release()", ["SGL402"]),
    ("workflow", "await reserve()\n    await release()", []),
]


@pytest.mark.parametrize(("decorator", "body", "codes"), CASES)
def test_steps_of_a_saga(check_code: Check, decorator: str, body: str, codes: list[str]) -> None:
    report = check_code(main=f"{STEPS}\n@{decorator}\nasync def order():\n    {body}\n")
    assert [finding.code for finding in report.findings] == codes
    assert not report.fails
