"""Everything that the client is given is checked where it is given, with an error of ours that says what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from harness import running
from pydantic import BaseModel

from sagaline import (
    Client,
    ClientClosed,
    ConfigurationError,
    Every,
    InvalidInput,
    PayloadTooLarge,
    SagalineError,
    activity,
    saga,
    workflow,
)


class Order(BaseModel):
    id: str
    cents: int


@activity
async def charge(order: Order) -> int:
    return order.cents


@saga
async def fulfil(order: Order) -> int:
    return await charge(order)


@workflow
async def anything(value: Any) -> Any:
    return value


def plain_function(order: Order) -> None: ...


class Unshowable:
    def __repr__(self) -> str:
        raise ValueError("no")


GOOD = Order(id="1", cents=5)
Call = Callable[[Client], Coroutine[Any, Any, Any]]


def start(*args: Any, **options: Any) -> Call:
    return lambda client: client.start(*args, **{"id": "x", **options})


def execute(*args: Any, **options: Any) -> Call:
    return lambda client: client.execute(*args, **{"id": "x", **options})


async def _handle(client: Client, *args: Any) -> Any:
    return client.handle(*args)


WRONG: list[tuple[Call, type[SagalineError], str]] = [
    (start(fulfil, GOOD, id=7), InvalidInput, "Expected id to be a string but got 7 (int)"),
    (start(fulfil, GOOD, id=None), InvalidInput, "Expected id to be a string but got None"),
    (
        start(fulfil, GOOD, id=Unshowable()),
        InvalidInput,
        "Expected id to be a string but got a value that cannot be shown",
    ),
    (start(fulfil, GOOD, id=""), InvalidInput, "Expected id to have 1 to 255 bytes but got an empty one"),
    (start(fulfil, GOOD, id="é" * 128), InvalidInput, "1 to 255 bytes but got one of 256 bytes"),
    (start(fulfil, GOOD, id="\ud800"), InvalidInput, "Expected id to be text that can be written as UTF-8"),
    (start(plain_function, GOOD), ConfigurationError, "decorate it, and register it with the worker"),
    (start(charge, GOOD), ConfigurationError, "an activity runs as a step of a workflow"),
    (start(partial(fulfil, GOOD)), ConfigurationError, "Expected a function with @workflow or @saga but got"),
    (start("fulfil", GOOD), ConfigurationError, "use client.start_by_name"),
    (start(None), ConfigurationError, "Expected a function with @workflow or @saga but got None"),
    (start(fulfil), InvalidInput, "Expected the arguments of fulfil"),
    (start(fulfil, GOOD, GOOD), InvalidInput, "Expected the arguments of fulfil"),
    (start(fulfil, {"id": "1"}), InvalidInput, "order.cents"),
    (start(fulfil, {"id": 1, "cents": "many"}), InvalidInput, "order.cents"),
    (start(anything, object()), InvalidInput, "Expected "),
    (
        start(fulfil, GOOD, id_conflict="use-existing"),
        ConfigurationError,
        "Expected id_conflict to be one of join, use_existing",
    ),
    (start(fulfil, GOOD, id_reuse=["allow"]), ConfigurationError, "Expected id_reuse to be one of join, allow"),
    (start(fulfil, GOOD, memo="x"), InvalidInput, "Expected memo to be a mapping of names to values but got 'x'"),
    (start(fulfil, GOOD, memo={"a": object()}), InvalidInput, "Expected memo 'a' to be a value of JSON"),
    (start(fulfil, GOOD, memo={"a": "x" * 32_000}), PayloadTooLarge, "a memo of at most 32,000 bytes"),
    (start(fulfil, GOOD, search_attributes={"a": b"x"}), InvalidInput, "Expected search attribute 'a' to be a str"),
    (lambda client: client.runs(search_attributes={"": 1}), InvalidInput, "the name of a search attribute"),
    (start(fulfil, GOOD, timout="1m"), ConfigurationError, "search_attributes, signal, timeout but got timout"),
    (execute(fulfil, GOOD, run_time="1m"), ConfigurationError, "but got run_time"),
    (lambda client: client.start_by_name("fulfil", {}, id="x", dely=1), ConfigurationError, "but got dely"),  # type: ignore[call-arg]
    (
        lambda client: client.schedules.create("x", fulfil, GOOD, spec=Every("1h"), jiter="1m"),  # type: ignore[call-overload]
        ConfigurationError,
        "Expected options of a schedule among",
    ),
    (
        lambda client: client.schedules.update("x", jiter="1m"),  # type: ignore[call-arg]
        ConfigurationError,
        "Expected options of a change of a schedule among",
    ),
    (start(fulfil, GOOD, timeout=0), ConfigurationError, "timeout"),
    (start(fulfil, GOOD, timeout=-1), ConfigurationError, "timeout"),
    (start(fulfil, GOOD, timeout=float("inf")), ConfigurationError, "timeout"),
    (start(fulfil, GOOD, timeout=float("nan")), ConfigurationError, "timeout"),
    (start(fulfil, GOOD, timeout="soon"), ConfigurationError, "timeout"),
    (start(fulfil, GOOD, timeout=True), ConfigurationError, "timeout"),
    (start(fulfil, GOOD, timeout=timedelta(seconds=-1)), ConfigurationError, "timeout"),
    (start(fulfil, GOOD, timeout=[1]), ConfigurationError, "timeout"),
    (execute(fulfil, GOOD, on_parked="panic"), ConfigurationError, "Expected on_parked to be one of wait, raise"),
    (execute(fulfil, GOOD, timeout=float("inf")), ConfigurationError, "timeout"),
    (lambda client: client.start_by_name(fulfil, id="x"), ConfigurationError, "client.start takes it"),  # type: ignore[arg-type]
    (lambda client: client.start_by_name("", id="x"), InvalidInput, "Expected the name of a workflow to have 1 to 255"),
    (
        lambda client: client.start_by_name("fulfil", object(), id="x"),
        InvalidInput,
        "Expected argument 1 to be a value of JSON",
    ),
    (lambda client: _handle(client, 3), InvalidInput, "Expected id to be a string"),
    (lambda client: _handle(client, "x", ""), InvalidInput, "Expected run_id to have 1 to 255 bytes"),
    (lambda client: client.handle("x").cancel("x" * 8_001), InvalidInput, "at most 8000 bytes but it has 8001"),
    (lambda client: client.handle("x").terminate("x" * 500_000), InvalidInput, "at most 8000 bytes but it has 500000"),
    (lambda client: client.handle("x").cancel(None), InvalidInput, "Expected reason to be a string"),  # type: ignore[arg-type]
    (lambda client: client.handle("x").result(float("inf")), ConfigurationError, "timeout"),
    (lambda client: client.handle("x").describe("x"), ConfigurationError, "timeout"),
    (lambda client: client.handle("x").history(-1), ConfigurationError, "timeout"),
    (lambda client: client.handle("x").retry(0), ConfigurationError, "timeout"),
    (lambda client: client.runs("broken"), ConfigurationError, "Expected status to be one of running, parked"),
    (lambda client: client.runs(7), ConfigurationError, "Expected status to be one of"),  # type: ignore[arg-type]
    (lambda client: client.runs(workflow=7), InvalidInput, "Expected the name of a workflow to be a string"),  # type: ignore[arg-type]
    (lambda client: client.runs(workflow=fulfil), ConfigurationError, "but got fulfil itself"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("call", "kind", "text"), WRONG, ids=range(len(WRONG)))
async def test_what_does_not_fit_is_refused_with_what_was_expected(
    call: Call, kind: type[SagalineError], text: str
) -> None:
    async with running("memory://checks", [fulfil, anything], [charge]) as (_, client):
        with pytest.raises(kind, match=re.escape(text)):
            await call(client)


@pytest.mark.parametrize("url", [None, 7, b"memory://x"])
async def test_a_url_that_is_none_is_refused(url: Any) -> None:
    with pytest.raises(ConfigurationError, match="Expected a log URL as a string"):
        await Client.connect(url)


async def test_payloads_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="Expected payloads to be a Payloads object but got dict"):
        await Client.connect("memory://x", payloads={})  # type: ignore[arg-type]


CALLS: list[Call] = [
    start(fulfil, GOOD),
    execute(fulfil, GOOD),
    lambda client: client.start_by_name("fulfil", 1, id="x"),
    lambda client: client.runs(),
    lambda client: client.handle("x").result(),
    lambda client: client.handle("x").describe(),
    lambda client: client.handle("x").history(),
    lambda client: client.handle("x").cancel(),
    lambda client: client.handle("x").terminate(),
    lambda client: client.handle("x").retry(),
]


@pytest.mark.parametrize("call", CALLS, ids=range(len(CALLS)))
async def test_a_closed_client_says_so_at_once(call: Call) -> None:
    async with running("memory://closed", [fulfil], [charge]) as (_, client):
        await client.close()
        with pytest.raises(ClientClosed, match="Expected an open client but it is closed"):
            await call(client)
        await client.close()  # once more is no error


@pytest.mark.parametrize("timeout", ["10s", 10, 10.5, timedelta(seconds=10), "10", None])
async def test_durations_are_given_in_each_way(timeout: Any) -> None:
    async with running("memory://durations", [fulfil], [charge]) as (_, client):
        handle = await client.start(fulfil, GOOD, id="x", timeout=timeout)
        assert await handle.result(timeout) == 5
        assert (await handle.describe(timeout)).status == "completed"
