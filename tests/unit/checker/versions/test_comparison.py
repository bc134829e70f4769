"""Two versions of a workflow: what runs of the earlier one can live with, and what they cannot."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from sagaline.checker.versions.checking import compare

HEAD = """
import asyncio
from sagaline import activity, workflow

@activity
async def reserve(what, quantity=1): ...

@activity(name="charge")
async def charge_card(what, cents=1): ...

@activity
async def ship(what): ...

def price(order):
    return 7

async def pay(item):
    return await charge_card(item)

@workflow
async def part(item):
    return await charge_card(item)

@workflow(name="rest")
async def rest_of_it(item): ...

async def start_part(item):
    return await part(item)

@workflow
async def order(order, other):
"""
SAME = [
    ("await ship(order)", "parcel = await ship(order)\nreturn parcel"),
    ("a = await reserve(order)\nawait ship(a)", "renamed = await reserve(order)\nawait ship(renamed)"),
    ("await ship(order)", "text = 'x'\nfor letter in text: text += letter\nawait ship(order)"),
    ("await charge_card(order)", "await pay(order)"),
    ("await charge_card(order)", "await pay(item=order)"),
    ("await asyncio.gather(ship(order), pay(other))", "await asyncio.gather(ship(order), charge_card(other))"),
    ("if order: await ship(order)", "if order:\n    parcel = await ship(order)"),
    ("await ship(order)\nif order: return 1\nreturn 2", "await ship(order)\nreturn 1 if order else 2"),
    ("await ship(order)", "await ship(order)\nworkflow.logger.info('x')\nworkflow.now()\nraise ValueError"),
    ("await ship(order)", "if workflow.patched('a'): await reserve(order)\nawait ship(order)"),
    ("await ship(order)", "if not workflow.patched('a'):\n    await ship(order)\nelse: await pay(order)"),
    ("await ship(order)", "is_new = workflow.patched('a')\nawait (pay(order) if is_new else ship(order))"),
    ("await ship(order)", "if workflow.patched('a'):\n    return await pay(order)\nreturn await ship(order)"),
    ("await ship(order)", "if workflow.patched('a') and order: await pay(order)\nawait ship(order)"),
    (
        "if workflow.patched('a'): await pay(order)\nawait ship(order)",
        "workflow.deprecate_patch('a')\nawait pay(order)\nawait ship(order)",
    ),
    (
        "if workflow.patched('a'): await pay(order)\nawait ship(order)",
        "if workflow.patched('a'):\n    await pay(order)\n    if workflow.patched('b'): await reserve(order)\n"
        "await ship(order)",
    ),
    ("workflow.deprecate_patch('a')\nawait ship(order)", "await ship(order)"),
    ("await charge_card(order)", "await part.inline(order)"),
    ("await part(order)", "await start_part(order)"),
    ("await part(order)", "await part.options(parent_close='abandon')(order)"),
]
OTHER = [
    ("await charge_card(order)", "await part(order)", "child part comes here, where activity charge came before"),
    ("await part(order)", "await rest_of_it(order)", "child rest comes here, where child part came before"),
    ("await part(order)", "await part(other)", "child part is given"),
    ("await workflow.start_child(part, order)", "await part(order)", "child part comes here, where start_child"),
    ("await ship(order)", "await ship(order)\npart.continue_as_new(order)", "continue_as_new is new here"),
    ("await ship(order)", "await ship(order)\nworkflow.continue_as_new(order)", "continue_as_new is new here"),
    ("await ship(order)", "await pay(order)", "activity charge comes here, where activity ship came before"),
    ("await ship(order)", "await ship(order)\nawait pay(order)", "activity charge is new here"),
    ("await ship(order)\nawait pay(order)", "await ship(order)", "activity charge is gone, which came next"),
    ("await ship(order)", "await ship(other)", "(argument0) before, and (argument1) now"),
    ("await reserve(order, 1)", "await reserve(1, order)", "is given"),
    (
        "a = await reserve(order)\nb = await ship(a)\nawait pay(b)",
        "a = await reserve(order)\nb = await ship(a)\nawait pay(a)",
        "(step2) before, and (step1) now",
    ),
    ("await asyncio.sleep(1)", "await asyncio.sleep(2)", "timer is given"),
    ("await ship(order)", "await asyncio.sleep(1)\nawait ship(order)", "timer comes here"),
    ("if order: await ship(order)", "if other: await ship(order)", "the condition of `if` was `argument0`"),
    ("if order: await ship(order)", "await ship(order)", "comes here, where `if` came before"),
    ("for i in order: await ship(i)", "for i in other: await ship(i)", "ship is given"),
    ("for i in order: await ship(1)", "for i in other: await ship(1)", "the loop was over"),
    ("for i in order: await ship(i)", "for i in order:\n    await ship(i)\n    await pay(i)", "charge is new here"),
    ("await asyncio.gather(*map(ship, order))", "await asyncio.gather(*map(reserve, order))", "reserve comes here"),
    ("await ship(order)", "if order: return\nawait ship(order)", "`if` comes here, where activity ship came"),
    ("try: await ship(order)\nexcept ValueError: await pay(order)", "await ship(order)", "`except` is gone"),
    ("await ship(order)", "if workflow.patched('a'): pass\nelse: await pay(order)", "charge comes here"),
    (
        "if workflow.patched('a'): await pay(order)\nawait ship(order)",
        "await pay(order)\nawait ship(order)",
        "patch 'a' is gone",
    ),
    (
        "if workflow.patched('a'): await pay(order)\nawait ship(order)",
        "workflow.deprecate_patch('a')\nawait ship(order)",
        "ship comes here, where activity charge came before",
    ),
    (
        "if workflow.patched('a'): await pay(order)\nawait ship(order)",
        "if workflow.patched('a'): await reserve(order)\nawait ship(order)",
        "reserve comes here, where activity charge came before",
    ),
]


def compared(folder: Path, before: str, after: str) -> list[str]:
    for name, body in (("before", before), ("after", after)):
        (folder / f"{name}.py").write_text(HEAD + textwrap.indent(body, "    "))
    return [finding.what for finding in compare([folder / "before.py"], [folder / "after.py"])]


@pytest.mark.parametrize(("before", "after"), SAME)
def test_runs_can_go_on(tmp_path: Path, before: str, after: str) -> None:
    assert compared(tmp_path, before, after) == []


@pytest.mark.parametrize(("before", "after", "words"), OTHER)
def test_runs_cannot_go_on(tmp_path: Path, before: str, after: str, words: str) -> None:
    (what,) = compared(tmp_path, before, after)
    assert words in what


def test_workflows_are_matched_by_name_and_a_missing_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from sagaline import workflow\n@workflow(name='x')\nasync def a(): ...\n")
    (tmp_path / "b.py").write_text("from sagaline import workflow\n@workflow(name='x')\nasync def b(): ...\n")
    (tmp_path / "c.py").write_text("from sagaline import workflow\n@workflow\nasync def c(): ...\n")
    assert compare([tmp_path / "a.py"], [tmp_path / "b.py"]) == []
    (finding,) = compare([tmp_path / "a.py"], [tmp_path / "c.py"])
    assert "no workflow has the name 'x' any more" in finding.what
    assert compare([], [tmp_path / "c.py"]) == []


def test_code_that_grows_without_bound_ends(tmp_path: Path) -> None:
    """Functions that call one another twice, and variables made of themselves."""
    functions = "\n".join(f"async def f{n}(x):\n    await f{n + 1}(x)\n    await f{n + 1}(x)\n" for n in range(40))
    doubling = "\n".join(["a = order"] + ["a = (a, a)"] * 60 + ["await ship(a)", "await f0(order)"])
    code = functions + "async def f40(x): await ship(x)\n"
    before = doubling
    for name, body in (("before", before), ("after", before.replace("a = order", "a = other"))):
        (tmp_path / f"{name}.py").write_text(HEAD + textwrap.indent(body, "    ") + "\n" + code)
    (finding,) = compare([tmp_path / "before.py"], [tmp_path / "after.py"])
    assert "ship is given" in finding.what


CLASS = """
from sagaline import activity, workflow

@activity
async def ship(what): ...

@workflow(name="order")
class {name}:
    @workflow.run
    async def {run}(self, order):
        await self.helper({argument})

    async def helper(self, what):
        await ship(what)

    @workflow.signal(name="approve")
    async def {signal}(self, by): ...
"""


def test_classes_are_matched_by_the_names_that_clients_know(tmp_path: Path) -> None:
    def write(file: str, **names: str) -> Path:
        (tmp_path / file).write_text(CLASS.format(**names))
        return tmp_path / file

    before = write("before.py", name="Order", run="run", argument="order", signal="approve")
    renamed = write("renamed.py", name="Purchase", run="run", argument="order", signal="on_approve")
    changed = write("changed.py", name="Purchase", run="run", argument="7", signal="on_approve")
    assert compare([before], [renamed]) == []
    (finding,) = compare([before], [changed])
    assert finding.path == ("order.run",)
    assert "(argument1) before, and (7) now" in finding.what
