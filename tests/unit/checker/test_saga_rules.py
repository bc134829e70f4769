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

@activity(pivot=True)
async def capture(): ...

@activity(read_only=True)
async def read(): ...

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
    ("saga", "await reserve()\n    await read()\n    await charge()", []),
    ("saga", "await reserve()\n    await look.options(irreversible=True)()\n    await charge()", []),
]
ERRORS: list[tuple[str, str, list[str]]] = [
    ("saga", "await capture()\n    await reserve()", ["SGL403"]),
    ("saga", "paid = await capture()\n    if paid:\n        await reserve()", ["SGL403"]),
    ("saga", "await reserve()\n    await capture()\n    await ship()", []),
    ("saga", "await capture()\n    await reserve.options(retriable=True)()", []),
    ("saga", "await capture()\n    await reserve.options(compensation=None)()", []),
    ("saga", "await capture()\n    await look.options(compensation=release)()", ["SGL403"]),
    ("saga", "if 1:\n        await capture()\n    else:\n        await reserve()", []),
    ("saga", "try:\n        await capture()\n    except Exception:\n        await reserve()", []),
    ("saga", "await ship.options(pivot=True)()\n    await reserve()", ["SGL403"]),
    ("saga(strict=True)", "await read()\n    await reserve()\n    await capture()", []),
    ("saga(strict=True)", "await look()", ["SGL404"]),
    ("saga(strict=True)", "await look.options(read_only=True)()", []),
    ("saga", "await look()", []),
]


@pytest.mark.parametrize(("decorator", "body", "codes"), CASES)
def test_steps_of_a_saga(check_code: Check, decorator: str, body: str, codes: list[str]) -> None:
    report = check_code(main=f"{STEPS}\n@{decorator}\nasync def order():\n    {body}\n")
    assert [finding.code for finding in report.findings] == codes
    assert not report.fails


@pytest.mark.parametrize(("decorator", "body", "codes"), ERRORS)
def test_what_parks_a_saga_for_certain(check_code: Check, decorator: str, body: str, codes: list[str]) -> None:
    report = check_code(main=f"{STEPS}\n@{decorator}\nasync def order():\n    {body}\n")
    assert [finding.code for finding in report.findings if finding.code != "SGL401"] == codes
    assert report.fails == bool(codes)
