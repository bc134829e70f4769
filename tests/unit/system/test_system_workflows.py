"""Workflows of the platform: every worker has them, and nobody else can take their names."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from harness import running
from typer.testing import CliRunner

from sagaline import ConfigurationError, RequestRefused, Worker, saga, workflow
from sagaline._host.forbidden import users
from sagaline._model.system import system_id, why_reserved
from sagaline._runtime.registration import registry_of
from sagaline._system.declaring import system_workflow
from sagaline.cli import app
from sagaline.client import starting
from sagaline.testing import Environment


@system_workflow("counter")
class Counter:
    def __init__(self) -> None:
        self.count = 0
        self.done = False

    @workflow.signal
    def add(self, number: int) -> None:
        self.count += number

    @workflow.signal
    def end(self) -> None:
        self.done = True

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.done)
        return self.count


@workflow
async def quick(name: str) -> str:
    return name


@workflow
async def adds(number: int) -> None:
    counter = workflow.external(system_id("sagaline.counter", "hits"))
    await counter.signal(Counter.add, number)
    await counter.signal(Counter.end)


@workflow
async def takes_id(child_id: str) -> str:
    return await quick.options(id=child_id)("a")


@pytest.fixture(autouse=True)
def counter(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("worker", "testing.environment"):
        monkeypatch.setattr(f"sagaline.{module}.SYSTEM_WORKFLOWS", (Counter,))


async def begin(client: Any, workflow_name: str, workflow_id: str) -> str:
    """As a program that writes the topics itself."""
    start = starting.Start(workflow_name, b"[]", workflow_id, "accepted", "fail", "allow")
    request = starting.checked_start(client._link, start, {})
    return await starting.begin(client._link, request, "30s")


async def test_every_worker_has_them_and_lists_leave_them_out(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db?partitions=1"
    async with running(url, [quick, adds]) as (_, client):
        await begin(client, "sagaline.counter", "sagaline.counter/hits")
        await client.execute(adds, 3, id="adds", timeout=60)
        assert await client.handle("sagaline.counter/hits").result(60) == 3
        assert (await client.handle("sagaline.counter/hits").describe()).workflow == "sagaline.counter"
        assert (await client.handle("sagaline.counter/hits").history())[0].type == "run started"
        assert [run.workflow_id for run in await client.runs()] == ["adds"]
        assert [run.workflow_id for run in await client.runs(system=True)] == ["sagaline.counter/hits", "adds"]
        assert [run.workflow_id for run in await client.runs(workflow="sagaline.counter")] == ["sagaline.counter/hits"]
        assert await client.patches() == []
        plain = await asyncio.to_thread(CliRunner().invoke, app, ["list", "--log", url])
        whole = await asyncio.to_thread(CliRunner().invoke, app, ["list", "--log", url, "--system"])
    assert "adds" in plain.output
    assert "sagaline.counter" not in plain.output
    assert "sagaline.counter/hits" in whole.output


async def test_a_worker_without_workflows_has_them(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with caplog.at_level(logging.WARNING):
        async with running(f"memory://{tmp_path.name}?partitions=1", []) as (_, client):
            await begin(client, "sagaline.counter", "sagaline.counter/hits")
            await client.handle("sagaline.counter/hits").signal(Counter.end)
            assert await client.handle("sagaline.counter/hits").result(60) == 0
    assert not caplog.records
    Worker(f"memory://{tmp_path.name}", workflows=[])


async def test_the_test_kit_has_them() -> None:
    async with Environment(workflows=[adds]) as env:
        await begin(env.client, "sagaline.counter", "sagaline.counter/hits")
        await env.execute(adds, 2)
        assert await env.client.handle("sagaline.counter/hits").result() == 2


def test_what_is_said_of_a_workers_workflows_is_said_of_the_users() -> None:
    registry = registry_of([quick], [], [Counter])
    assert list(registry.users) == ["quick"]
    assert sorted(registry.workflows) == ["quick", "sagaline.counter"]
    assert registry.warnings == ()
    users.know(registry)
    assert not users.is_users({"__name__": "sagaline.worker", "__file__": "/site-packages/sagaline/worker.py"})


async def test_an_unknown_workflow_is_not_told_of_them(tmp_path: Path) -> None:
    async with running(f"memory://{tmp_path.name}?partitions=1", [quick]) as (_, client):
        with pytest.raises(RequestRefused, match=r"knows \(quick\)"):
            await client.start_by_name("quik", id="a")


@pytest.mark.parametrize("decorator", [workflow, saga], ids=["workflow", "saga"])
def test_users_cannot_declare_one(decorator: Any) -> None:
    async def fn() -> None: ...

    class Entity:
        @workflow.run
        async def run(self) -> None: ...

    for subject in (fn, Entity):
        with pytest.raises(ConfigurationError, match=r"not to begin with 'sagaline\.'.*got 'sagaline\.mine'"):
            decorator(name="sagaline.mine")(subject)


async def test_users_cannot_start_one(tmp_path: Path) -> None:
    async with running(f"memory://{tmp_path.name}?partitions=1", [quick, takes_id]) as (_, client):
        for call in (
            lambda: client.start(quick, "a", id="sagaline.a"),
            lambda: client.execute(quick, "a", id="sagaline.a"),
            lambda: client.start_by_name("sagaline.counter", id="sagaline.counter/hits"),
            lambda: client.execute_by_name("sagaline.counter", id="hits"),
        ):
            with pytest.raises(ConfigurationError, match=r"does not begin with 'sagaline\.'"):
                await call()
        with pytest.raises(ConfigurationError, match="an id that does not begin"):
            client.with_start(quick, "a", id="sagaline.a")
        with pytest.raises(ConfigurationError, match=r"with id 'sagaline\.a'"):
            quick.options(id="sagaline.a")
        for name, workflow_id in (("quick", "sagaline.counter/a"), ("sagaline.counter", "a")):
            with pytest.raises(RequestRefused, match="is for the platform's own") as caught:
                await begin(client, name, workflow_id)
            assert caught.value.type == "ReservedName"


@pytest.mark.parametrize(
    ("workflow_name", "workflow_id", "fits"),
    [
        ("quick", "a", True),
        ("quick", "sagalines", True),
        ("sagaline.lock", "sagaline.lock/a", True),
        ("sagaline.lock", "sagaline.lock/", False),
        ("sagaline.lock", "sagaline.locks/a", False),
        ("sagaline.lock", "sagaline.schedule/a", False),
        ("sagaline.lock", "a", False),
        ("quick", "sagaline.lock/a", False),
    ],
)
def test_types_and_ids_of_the_platform_go_together(workflow_name: str, workflow_id: str, fits: bool) -> None:
    assert (why_reserved(workflow_name, workflow_id) is None) is fits
