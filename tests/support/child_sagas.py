"""Sagas that are children, and what a parent hears of them: scripts."""

from __future__ import annotations

from typing import Any

import msgspec
from script import Script, fetch, store

from sagaline import activity, saga, workflow
from sagaline._model import events as e
from sagaline._runtime.definitions import Registry
from sagaline._runtime.flags import CURRENT
from sagaline._runtime.instance import Instance
from sagaline._runtime.run import RunInfo
from sagaline._runtime.sagas import ledger
from sagaline._runtime.setup import Setup
from sagaline._runtime.undo import Undo


@activity(pivot=True)
async def pay() -> None:
    """Behind it nothing is undone."""


@saga
async def leaf(name: str) -> str:
    await store(name)
    await store(name + "2")
    return name


@workflow
async def parts(name: str) -> None:
    """No saga: its parts and its children are."""
    await leaf(name)
    async with saga():
        await store(name)
    await store("in no part")


@saga
async def paid(name: str) -> None:
    await store(name)
    await pay()


SETUP_OF = [leaf.definition, parts.definition, paid.definition]
COMPLETED = b'"x"'


def setup_of(code: Any) -> Setup:
    return Setup(Registry([code.definition, *SETUP_OF], [fetch.definition, store.definition, pay.definition]))


def script_of(code: Any, arguments: bytes = b"[]", **options: Any) -> Script:
    return Script(code, arguments, setup=setup_of(code), **options)


class AsChild(Script):
    """A run that another has started, which wants its ledger."""

    def __init__(self, code: Any, arguments: bytes = b"[]", *also: e.Event, run_id: str = "r") -> None:
        self.setup, self.flags, self.rebuilds = setup_of(code), CURRENT, False
        self.instance = Instance(RunInfo(code.definition, "w", run_id), self.setup)
        self.history, self.now_ms = [], 1_000
        parent = {"parent_id": "p", "parent_run_id": "rp", "wants_ledger": True}
        self.step(e.RunStarted(code.name, arguments, "q", "", 0, "", **parent), *also)  # type: ignore[arg-type]


def left_by(run_id: str, *steps: int, fallback: str = "") -> e.ChildEnded:
    """A child has completed and leaves these."""
    undos = [
        Undo(run_id, step, "store", "completed", "remove", msgspec.Raw(b'["%d",null]' % step), fallback)
        for step in steps
    ]
    return e.ChildEnded(0, "completed", COMPLETED, None, msgspec.json.encode(undos), len(undos))


def ends(script: Script, step: int, ended: e.ChildEnded) -> list[e.Command]:
    return script.step(e.ChildBegan(step, f"c{step}"), msgspec.structs.replace(ended, step=step))


def undone(script: Script) -> list[tuple[str, int | None, int]]:
    """What a rollback asks for, one after the other: by run and step, and which child it is of."""
    calls: list[tuple[str, int | None, int]] = []
    while isinstance(call := script.commands[-1], e.ActivityScheduled):
        assert script.commands == [call]
        calls.append((call.compensates_run, call.compensates, call.of_child))
        script.done(call.step, b"null")
    return calls


def reported(script: Script) -> tuple[list[tuple[str, int]], str]:
    event = script.commands[-2]
    assert isinstance(event, e.LedgerReported)
    left = ledger.read(event.ledger) if event.ledger else ()
    assert len(left) == event.steps
    return [(undo.run_id, undo.step) for undo in left], event.pivot
