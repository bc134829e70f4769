"""Fault 15: whatever the store of blobs does, the event loop goes on."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from harness import eventually_async, running
from off_loop import OffLoop

from sagaline import Client, RequestRefused, activity, workflow
from sagaline.payloads import Payloads, Zlib


@activity
async def double(text: str) -> str:
    return text * 2


@activity
def size(text: str) -> int:
    return len(text)


@workflow
async def echo(text: str) -> str:
    return text


@workflow(retention="1s")
async def brief(text: str) -> str:
    return text


@workflow
class Talk:
    """All that has a payload, one after the other, twice."""

    @workflow.init
    def __init__(self, text: str, left: int) -> None:
        self.said: list[str] = [text]

    @workflow.signal
    async def say(self, text: str) -> None:
        self.said.append(text)

    @workflow.update
    async def ask(self, text: str) -> str:
        self.said.append(text)
        return text + "!"

    @ask.validator
    def check(self, text: str) -> None:
        if not text.startswith("x"):
            raise ValueError("not that")

    @workflow.query
    def all(self) -> list[str]:
        return self.said

    @workflow.run
    async def run(self, text: str, left: int) -> str:
        doubled = await double(text)
        assert await size(doubled) == 2 * len(text)
        child = await workflow.start_child(echo, text + "child")
        assert await child == text + "child"
        await workflow.wait_condition(lambda: len(self.said) >= 3)
        if left:
            Talk.run.continue_as_new(text, left - 1)
        return doubled


WORKFLOWS: list[Any] = [Talk, echo, brief]
ACTIVITIES: list[Any] = [double, size]


@pytest.fixture
def url() -> str:
    return f"memory://{uuid.uuid4().hex}?partitions=1"


@pytest.fixture
def store(tmp_path: Path) -> OffLoop:
    return OffLoop(tmp_path / "blobs")


def of(store: OffLoop, **options: Any) -> Payloads:
    return Payloads(blobs=store, threshold_bytes=100, **options)


async def retired(client: Client, workflow_id: str) -> bool:
    try:
        await client.handle(workflow_id).describe()
    except RequestRefused:
        return True
    return False


@pytest.mark.parametrize("replay_always", [False, True])
@pytest.mark.parametrize("codecs", [(), (Zlib(),)], ids=["plain", "compressed"])
async def test_runs_messages_children_queries_and_retention_reach_the_store_in_threads(
    url: str, store: OffLoop, replay_always: bool, codecs: Any
) -> None:
    """Each worker, and each client, has a memory of its own: the second reads what the first has stored. That nobody
    calls the store on a loop the store says itself."""
    noise = "".join(map(str, range(1_000)))
    payloads, options = of(store, codecs=codecs), {"replay_always": replay_always}
    async with running(url, WORKFLOWS, ACTIVITIES, payloads=payloads, **options) as (_, client):
        talk = await client.start(Talk.run, "x" + noise, 1, id="t", signal=Talk.say.of("first" + noise))
        await eventually_async(lambda: has_said(client, 2))
        assert store.calls >= {"put", "get"}
        await talk.pause("for the next worker")
    async with running(url, WORKFLOWS, ACTIVITIES, payloads=payloads, **options) as (_, client):
        talk = client.handle("t")
        await talk.signal(Talk.say, "paused" + noise)
        await talk.resume("here it is")
        await eventually_async(lambda: has_said(client, 1))  # it has gone on as another
        with pytest.raises(RequestRefused, match="not that"):
            await client.handle("t").execute_update(Talk.ask, noise)
        for number in range(2):
            text = f"x{number}{noise}"
            assert await client.handle("t").execute_update(Talk.ask, text) == text + "!"
        assert await client.handle("t").result(120) == ("x" + noise) * 2
        again = await client.start(echo, "e" + noise, id="e")
        assert (await client.start(echo, "e" + noise, id="e")).run_id == again.run_id
        with pytest.raises(RequestRefused, match="another input"):
            await client.start(echo, "f" + noise, id="e")
        if not (replay_always or codecs):  # it takes a while
            run_id = (await client.start(brief, "b" + noise, id="b")).run_id
            await eventually_async(lambda: retired(client, "b"), 120)
            assert "delete_run" in store.calls
            assert not (store.directory / run_id[:2] / run_id).exists()


async def has_said(client: Client, count: int) -> bool:
    try:
        return len(await client.handle("t").query(Talk.all)) == count
    except RequestRefused:
        return False  # it has not begun
