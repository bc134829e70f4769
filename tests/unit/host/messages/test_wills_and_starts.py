"""Signals that begin the run that they are for, and those that are sent when their run has ended: by the host."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest
from harness import running
from off_loop import OffLoop

from sagaline import ApplicationError, Client, RunHandle, Signal, activity, saga, workflow
from sagaline._runtime.context import require_instance
from sagaline._runtime.messages import outgoing, wills
from sagaline.payloads import Payloads, Zlib

word = Signal[str]("word")


@workflow(signals=[word])
async def ear(words: int = 3) -> list[str]:
    """Is begun by what it hears, and ends when it has heard so much."""
    return [await word.receive() for _ in range(words)]


@workflow
async def speaks(words: list[str]) -> None:
    calls = require_instance("a test")
    say = [outgoing.signal(calls, ("ear", ""), "word", f'["{one}"]'.encode(), "ear") for one in words]
    await asyncio.gather(*say)


@activity
async def book() -> None:
    """Is undone."""


@book.compensation
async def unbook() -> None:
    """Undoes it."""


@saga
async def leaves(how: str, again: int = 0) -> None:
    """Leaves its last word before anything else, and ends in one way or another."""
    calls = require_instance("a test")
    if not calls.table.to_others().wills:
        wills.leave(calls, "ear", "word", f'["{how}"]'.encode())
    await book()
    if again:
        workflow.continue_as_new(how, again - 1)
    if how == "failed":
        raise ApplicationError("no")
    if how == "withdrawn":
        for will in list(calls.table.to_others().wills):
            wills.withdraw(calls, will)
    if how in ("cancelled", "terminated", "timed out", "replaced"):
        await workflow.sleep("1h")


KINDS = ["plain", "compressed", "blobs"]
WORKFLOWS = [ear, speaks, leaves]
ACTIVITIES = [book, unbook]


def payloads_of(kind: str, tmp_path: Path) -> Payloads:
    if kind == "blobs":
        return Payloads(blobs=OffLoop(tmp_path / "blobs"), threshold_bytes=1)
    return Payloads(codecs=[Zlib()] if kind == "compressed" else [])


def url() -> str:
    return f"memory://{uuid.uuid4().hex}?partitions=4"


@pytest.mark.parametrize("kind", KINDS)
async def test_the_first_signal_begins_the_run_and_each_begins_the_next_when_that_has_ended(
    kind: str, tmp_path: Path
) -> None:
    async with running(url(), WORKFLOWS, ACTIVITIES, payloads=payloads_of(kind, tmp_path)) as (_, client):
        for turn in range(2):
            words = [f"{turn}{letter}" for letter in "abc"]
            await client.execute(speaks, words, id=f"s{turn}", timeout=20)
            assert await client.handle("ear").result(20) == words


async def test_a_workflow_that_nobody_knows_or_that_does_not_take_the_signal_is_not_begun() -> None:
    @workflow
    async def wrong(starts: str) -> str:
        try:
            await outgoing.signal(require_instance("a test"), ("deaf", ""), "word", b'["x"]', starts)
        except Exception as error:
            return str(getattr(error, "type", ""))
        return "arrived"

    async with running(url(), [wrong, ear, leaves], ACTIVITIES) as (_, client):
        assert await client.execute(wrong, "leaves", id="w", timeout=20) == "UnknownSignal"
        assert await client.execute(wrong, "ear", id="w2", timeout=20) == "arrived"


async def end(client: Client, handle: RunHandle[None], how: str) -> None:
    """What comes from outside."""
    if how == "cancelled":
        await handle.cancel("enough")
    if how == "terminated":
        await handle.terminate("enough")
    if how == "replaced":
        await client.start(leaves, "quiet", id=handle.workflow_id, id_conflict="terminate_existing")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_will_is_sent_whatever_the_end_and_by_the_last_run_of_its_chain(kind: str, tmp_path: Path) -> None:
    ends = ["completed", "failed", "cancelled", "terminated", "timed out", "replaced"]
    async with running(url(), WORKFLOWS, ACTIVITIES, payloads=payloads_of(kind, tmp_path)) as (_, client):
        heard = await client.start(ear, len(ends) + 1, id="ear")
        for place, how in enumerate(ends):
            again = 2 if place % 3 == 0 else 0
            timeout = "300ms" if how == "timed out" else None
            handle = await client.start(leaves, how, again, id=f"l{place}", run_timeout=timeout)
            await end(client, handle, how)
            if place == 0:
                await client.execute(leaves, "withdrawn", 1, id="w", timeout=20)
        assert sorted(await heard.result(30)) == sorted([*ends, "quiet"])
