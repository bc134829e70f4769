"""``client.outcomes()`` and ``sagaline outcomes``: each saga's end, from the topic, on the embedded logs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import parking_sagas as world
import pytest
from commands import command
from harness import eventually_status, running

from sagaline import Client, ClientClosed, ConfigurationError, InvalidInput, saga, workflow
from sagaline._log import OUTCOMES
from sagaline.client import SagaOutcome


@workflow
async def plain(sku: str) -> str:
    return sku


@workflow(outcomes="full")
async def told(sku: str) -> str:
    return sku


@saga
async def without_steps() -> None:
    return None


WORKFLOWS: list[Any] = [*world.WORKFLOWS, plain, told, without_steps]


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    world.mended.clear()
    world.seen.clear()
    return f"sqlite:///{tmp_path}/log.db?partitions=2" if request.param == "sqlite" else f"memory://{tmp_path.name}"


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    async with running(url, WORKFLOWS, world.ACTIVITIES) as (_, client):
        yield client


async def until(outcomes: AsyncIterator[SagaOutcome], count: int) -> list[SagaOutcome]:
    """The first of them."""
    found: list[SagaOutcome] = []
    async for outcome in outcomes:
        found.append(outcome)
        if len(found) == count:
            break
    return found


async def test_ends_and_repairs_are_told_in_order(client: Client) -> None:
    began = datetime.now(UTC) - timedelta(seconds=1)
    handle = await client.start(world.order, "dear", id="order-dear")
    await eventually_status(handle, "parked")
    world.mended.add("dear")
    await handle.saga.retry(reason="the warehouse is back", by="ann")
    parked, resumed, ended = await until(client.outcomes("beginning"), 3)
    assert [one.outcome for one in (parked, resumed, ended)] == ["parked", "resumed", "compensated"]
    assert (parked.activity, parked.failure_type, parked.failure_message) == ("release", "ConnectionError", None)
    assert (resumed.action, resumed.by, resumed.reason, resumed.is_parked) == ("retry", "ann", None, False)
    assert (ended.workflow_id, ended.workflow, ended.steps, ended.undone) == ("order-dear", "order", 3, 2)
    assert ended.run_id == ended.first_run_id == (await handle.describe()).run_id
    assert ended.rollback_at is not None
    assert began < ended.began_at <= ended.rollback_at <= parked.at <= ended.at
    assert [one.id for one in await until(client.outcomes(began), 3)] == [parked.id, resumed.id, ended.id]


async def test_workflows_are_told_when_they_ask_for_it_and_sagas_without_steps_too(client: Client) -> None:
    assert await client.execute(plain, "a", id="plain-1") == "a"
    await client.execute(told, "a", id="told-1")
    await client.execute(without_steps, id="empty-1")
    found = await until(client.outcomes("beginning"), 2)
    assert {(one.workflow_id, one.outcome, one.steps) for one in found} == {
        ("told-1", "completed", 0),
        ("empty-1", "completed", 0),
    }


async def test_from_now_on_those_that_were_before_are_not_told(client: Client) -> None:
    await client.execute(told, "a", id="before")
    (_,) = await until(client.outcomes("beginning"), 1)
    following = client.outcomes()
    first = asyncio.ensure_future(anext(following))
    numbers = iter(range(1_000_000))
    while not first.done():  # it begins when it has looked where the topic ends
        await client.execute(told, "a", id=f"after-{next(numbers)}")
        await asyncio.sleep(0.01)
    assert (await first).workflow_id.startswith("after-")
    await following.aclose()  # type: ignore[attr-defined]


async def test_without_follow_it_ends_with_what_is_there(client: Client) -> None:
    assert [one async for one in client.outcomes("beginning", follow=False)] == []
    await client.execute(told, "a", id="told-1")
    await until(client.outcomes("beginning"), 1)
    assert [one.workflow_id async for one in client.outcomes("beginning", follow=False)] == ["told-1"]
    later = datetime.now(UTC) + timedelta(hours=1)
    assert [one async for one in client.outcomes(later, follow=False)] == []


async def test_what_is_none_of_ours_is_passed_over(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    log = client._requests.log
    for value in (b"not ours", None, client._requests.address[0].encode()):
        log.publish(OUTCOMES, 0, b"k", value)
    await client.execute(told, "a", id="told-1")
    await until(client.outcomes("beginning"), 1)
    assert [one.workflow_id async for one in client.outcomes("beginning", follow=False)] == ["told-1"]
    assert "Passed over outcomes[0]@0" in caplog.text


async def test_wrong_times_are_refused(client: Client) -> None:
    for since in ("yesterday", datetime(2026, 1, 1), 7):
        with pytest.raises(InvalidInput, match="now"):
            client.outcomes(since)  # type: ignore[arg-type]


async def test_a_client_that_is_closed_ends_it(url: str, client: Client) -> None:
    other = await Client.connect(url)
    following = other.outcomes()
    waits = asyncio.ensure_future(anext(following))
    while not other._requests.tails:
        await asyncio.sleep(0.01)
    await other.close()
    with pytest.raises(ClientClosed):
        await waits
    with pytest.raises(ClientClosed):
        other.outcomes()


def test_the_option_is_one_of_two_words() -> None:
    async def fn() -> None: ...

    with pytest.raises(ConfigurationError, match="outcomes"):
        workflow(outcomes="all")(fn)  # type: ignore[call-overload]


async def test_on_the_command_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db?partitions=1"
    async with running(url, WORKFLOWS, world.ACTIVITIES) as (_, client):
        handle = await client.start(world.order, "dear", id="order-dear")
        await eventually_status(handle, "parked")
        await until(client.outcomes("beginning"), 1)
        shown = await command("outcomes", "--log", url)
        assert shown.code == 0, shown.err
        assert "parked" in shown.out
        assert "order-dear  order  step 4, release  ConnectionError" in shown.out
        listed = await command("outcomes", "--log", url, "--json")
        (line,) = listed.out.splitlines()
        assert json.loads(line)["outcome"] == "parked"
        wrong = await command("outcomes", "--since", "yesterday", "--log", url)
        assert (wrong.code, "with a zone" in wrong.err) == (2, True)
