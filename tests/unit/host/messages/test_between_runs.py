"""Runs that send each other signals, by the public API, over partitions and a restart of the worker."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest
from harness import eventually_async, running
from off_loop import OffLoop

from sagaline import ChildHandle, MessageError, RunError, Signal, workflow
from sagaline._host.publishing.sender import Message, Sender
from sagaline._log import COMMANDS
from sagaline.payloads import Payloads, Zlib

number = Signal[int]("number")


@workflow(signals=[number])
async def collects(last: int) -> list[int]:
    heard: list[int] = []
    while not heard or heard[-1] != last:
        heard.append(await number.receive())
    return heard


@workflow(signals=[number])
async def sends(target: str, count: int) -> list[int]:
    """All at once; and to itself."""
    other = workflow.external(target)
    await asyncio.gather(*(other.signal(number, value) for value in range(1, count + 1)))
    await workflow.external(workflow.info().workflow_id).signal(number, 0)
    return [await number.receive()]


@workflow
async def tries(target: str, signal: str) -> str:
    try:
        if signal:
            await workflow.external(target).signal(signal, "no number")
        else:
            await workflow.external(target).cancel("enough of it")
    except MessageError as error:
        return error.type
    return "arrived"


@workflow(signals=[number])
async def child() -> int:
    got = await number.receive()
    parent = workflow.info().parent_id
    assert parent is not None
    await workflow.external(parent).signal(number, got + 1)
    return got


@workflow(signals=[number])
async def parent() -> list[int]:
    started: ChildHandle[int] = await workflow.start_child(child)
    await started.signal(number, 7)
    return [await number.receive(), await started]


WORKFLOWS = [collects, sends, tries, child, parent]


def url() -> str:
    return f"memory://{uuid.uuid4().hex}?partitions=4"


@pytest.mark.parametrize("kind", ["plain", "compressed", "blobs"])
async def test_signals_arrive_once_and_in_order_in_another_partition(kind: str, tmp_path: Path) -> None:
    payloads = {
        "plain": Payloads(),
        "compressed": Payloads(codecs=[Zlib()]),
        "blobs": Payloads(blobs=OffLoop(tmp_path / "blobs"), threshold_bytes=1),
    }[kind]
    async with running(url(), WORKFLOWS, payloads=payloads) as (_, client):
        targets = [await client.start(collects, 50, id=f"c{place}") for place in range(4)]
        senders = [await client.start(sends, f"c{place}", 50, id=f"s{place}") for place in range(4)]
        for target, sender in zip(targets, senders, strict=True):
            assert await target.result(30) == list(range(1, 51))
            assert await sender.result(30) == [0]


async def test_a_parent_and_its_child_send_each_other_signals() -> None:
    async with running(url(), WORKFLOWS) as (_, client):
        assert await client.execute(parent, id="p", timeout=20) == [8, 7]


async def test_a_message_that_cannot_be_taken_is_refused_with_its_reason() -> None:
    async with running(url(), WORKFLOWS) as (_, client):
        await client.start(collects, 1, id="open")
        await client.execute(tries, "nobody", "number", id="ended", timeout=20)
        wanted = [
            ("nobody", "number", "WorkflowNotFound"),
            ("nobody", "", "WorkflowNotFound"),
            ("ended", "number", "RunEnded"),
            ("open", "another", "UnknownSignal"),
            ("open", "number", "InvalidInput"),
            ("open", "", "arrived"),
        ]
        for place, (target, signal, told) in enumerate(wanted):
            assert await client.execute(tries, target, signal, id=f"t{place}", timeout=20) == told
        with pytest.raises(RunError, match="enough of it"):
            await client.handle("open").result(20)


async def test_what_is_on_its_way_is_shown_and_arrives_behind_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    where = url()
    async with running(where, WORKFLOWS) as (_, client):
        await client.start(collects, 20, id="c")
        send = Sender.send

        def leaves(self: Sender, message: Message) -> None:
            if message.entry.row.topic != COMMANDS:
                send(self, message)

        monkeypatch.setattr(Sender, "send", leaves)  # the worker dies before what it has asked for has left
        sender = await client.start(sends, "c", 20, id="s")

        async def waits() -> bool:
            return [step.kind for step in (await sender.describe()).waits_for] == ["message"] * 20

        await eventually_async(waits)
        monkeypatch.undo()
    async with running(where, WORKFLOWS) as (_, client):
        assert await client.handle("c").result(30) == list(range(1, 21))
        assert await client.handle("s").result(30) == [0]
