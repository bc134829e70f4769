"""Tokens: a value from outside, once."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass

import pytest
from harness import eventually, running

from sagaline import ApplicationError, InvalidInput, RequestRefused, Signal, activity, workflow
from sagaline._host.runs.instances import Instances

ids: list[str] = []


@dataclass
class Decision:
    granted: bool
    by: str = "nobody"


@activity
async def hand_on(token_id: str) -> None:
    ids.append(token_id)


@workflow
async def waits() -> str:
    token = workflow.token(Decision)
    other = workflow.token(int)
    await hand_on(token.id)
    try:
        decision = await token.result()
    except ApplicationError as error:
        return f"{error.type}: {error}"
    except InvalidInput as error:
        return f"InvalidInput: {error}"
    again = await token.result()
    return f"{decision.granted} by {again.by}, {other.id != token.id}"


@pytest.fixture
def url() -> str:
    ids.clear()
    return f"memory://t{uuid.uuid4().hex}?partitions=1"


async def first_id() -> str:
    while not ids:
        await asyncio.sleep(0.01)
    return ids[0]


@pytest.mark.parametrize("kept", [True, False])
async def test_the_first_value_counts(url: str, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not kept:
        monkeypatch.setattr(Instances, "_remember", lambda self, run_id, instance: self._drop(instance))
    async with running(url, [waits], [hand_on]) as (_, client):
        handle = await client.start(waits, id="w/ü-1")
        token_id = await first_id()
        results = await asyncio.gather(
            *(client.complete_token(token_id, {"granted": True, "by": "Ann"}) for _ in range(5)), return_exceptions=True
        )
        assert sum(result is None for result in results) == 1
        refused = [result for result in results if isinstance(result, RequestRefused)]
        assert {error.type for error in refused} <= {"TokenUsed", "RunEnded"}
        assert len(refused) == 4
        assert await handle.result(10) == "True by Ann, True"
        with pytest.raises(RequestRefused) as caught:
            await client.complete_token(token_id, 1)
        assert caught.value.type == "RunEnded"


async def test_a_rejection_is_a_failure_of_its_type(url: str) -> None:
    async with running(url, [waits], [hand_on]) as (_, client):
        handle = await client.start(waits, id="w")
        await client.reject_token(await first_id(), "the card is blocked", type="Blocked")
        assert await handle.result(10) == "Blocked: the card is blocked"


async def test_a_value_of_another_type_names_the_field(url: str) -> None:
    async with running(url, [waits], [hand_on]) as (_, client):
        handle = await client.start(waits, id="w")
        await client.complete_token(await first_id(), {"granted": "perhaps"})
        assert "granted" in await handle.result(10)


@pytest.mark.parametrize("wrong", ["", "x", "0" * 32, "0" * 32 + "-x-w", 5])
async def test_what_is_no_token_is_refused_here(url: str, wrong: str) -> None:
    async with running(url, [waits], [hand_on]) as (_, client):
        with pytest.raises(InvalidInput, match="Expected the id of a token"):
            await client.complete_token(wrong, 1)
        with pytest.raises(InvalidInput, match="value of JSON"):
            await client.complete_token("0" * 32 + "-1-w", object())
        with pytest.raises(RequestRefused, match="there is none"):
            await client.complete_token("0" * 32 + "-1-w", 1)


go = Signal[int]("go")


@workflow(signals=[go])
async def chained(left: int) -> str:
    token = workflow.token(str)
    if left in (0, 2):
        await hand_on(token.id)
    if left == 2:
        await go.receive()
    if left:
        chained.continue_as_new(left - 1)
    return await token.result()


@pytest.mark.parametrize("early", [True, False])
async def test_a_token_is_of_one_run_of_a_chain(url: str, early: bool) -> None:
    """Those of the next runs have the same numbers: no value for one of them answers another, whether it came before
    the run went on, or comes later."""
    async with running(url, [chained], [hand_on]) as (_, client):
        handle = await client.start(chained, 2, id="a")
        await eventually(lambda: len(ids) == 1)
        if early:
            await client.complete_token(ids[0], "of the first")
        await handle.signal(go, 1)
        await eventually(lambda: len(ids) == 2)
        if not early:
            with pytest.raises(RequestRefused) as caught:
                await client.complete_token(ids[0], "of the first")
            assert caught.value.type == "RunEnded"
        await client.complete_token(ids[1], "of the last")
        assert await handle.result(20) == "of the last"
