"""What ends a process parks a run: no exception of workflow code leaves its instance as itself."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from script import Script, fetch, result, setup_of, store

from sagaline import saga, workflow
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.instance import Instance
from sagaline._runtime.interrupt import Interrupted
from sagaline._runtime.run import RunInfo
from sagaline.errors import InvalidInput


class Private(BaseException):
    """Somebody's own."""


class Silent(Exception):
    """It cannot be described."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


ENDERS: list[Callable[[], BaseException]] = [
    lambda: SystemExit(3),
    lambda: KeyboardInterrupt("stop"),
    lambda: GeneratorExit("leave"),
    lambda: Private("mine"),
    lambda: asyncio.CancelledError("nobody asked"),
    lambda: MemoryError("all gone"),
    lambda: RecursionError("too deep"),
    lambda: StopIteration(1),
    lambda: StopAsyncIteration(1),
    lambda: BaseExceptionGroup("both", [SystemExit(1), ValueError("x")]),
    lambda: Silent(),
    lambda: Interrupted("by the watchdog"),
]


async def in_the_body(error: BaseException) -> None:
    await fetch("a")
    raise error


async def in_a_task(error: BaseException) -> None:
    async def branch() -> None:
        await fetch("a")
        raise error

    await asyncio.gather(branch(), fetch("b"))


async def in_a_group(error: BaseException) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(in_the_body(error))


async def in_a_callback(error: BaseException) -> None:
    def callback() -> None:
        raise error

    await fetch("a")
    asyncio.get_running_loop().call_soon(callback)
    await fetch("b")


async def in_a_callback_of_a_future(error: BaseException) -> None:
    def callback(future: asyncio.Future[Any]) -> None:
        raise error

    call = asyncio.ensure_future(fetch("a"))
    call.add_done_callback(callback)
    await call
    await fetch("b")


PLACES = [in_the_body, in_a_task, in_a_group, in_a_callback, in_a_callback_of_a_future]


@pytest.mark.parametrize("decorate", [workflow, saga])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
@pytest.mark.parametrize("ender", ENDERS, ids=lambda ender: type(ender()).__name__)
def test_it_parks_the_run_and_is_named(
    ender: Callable[[], BaseException],
    place: Callable[[BaseException], Coroutine[Any, Any, None]],
    decorate: Any,
) -> None:
    error = ender()
    if place is in_a_group and isinstance(error, asyncio.CancelledError):
        pytest.skip("a task of a group may be cancelled")

    async def ends() -> None:
        await place(error)

    script = Script(decorate(ends))
    before = list(script.history)
    with pytest.raises(WorkflowBug) as caught:
        script.done(1)
    failure = caught.value.failure
    assert caught.value.reason == "bug"
    shown = f"{failure.type} {failure.message}"
    assert type(error).__name__ in shown or "RuntimeError" in shown  # Python turns StopIteration into one
    assert script.history == before, "nothing of that activation is recorded"
    script.instance.evict()


def test_it_does_not_leave_a_finally_block_during_eviction() -> None:
    seen: list[str] = []

    @workflow
    async def tidies() -> None:
        async def branch() -> None:
            try:
                await fetch("b")
            finally:
                seen.append("branch")
                raise KeyboardInterrupt

        task = asyncio.create_task(branch())
        try:
            await fetch("a")
        finally:
            seen.append("main")
            task.cancel()
            sys.exit(3)

    script = Script(tidies)
    script.instance.evict()
    assert seen == ["main", "branch"]


def test_it_does_not_leave_the_types_of_an_input() -> None:
    from pydantic import BaseModel, field_validator

    class Order(BaseModel):
        id: str

        @field_validator("id")
        @classmethod
        def check(cls, value: str) -> str:
            sys.exit(3)

    async def takes(order: Order) -> None: ...

    takes.__annotations__["order"] = Order
    code = workflow(takes)
    instance = Instance(RunInfo(code.definition, "w", "r"), setup_of(code))
    with pytest.raises(InvalidInput, match="SystemExit: 3"):
        instance.take_input(b'[{"id": "1"}]')
    with pytest.raises(WorkflowBug, match="3"):
        Script(code, b'[{"id": "1"}]')


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_it_does_not_leave_a_destructor() -> None:
    class Bomb:
        def __del__(self) -> None:
            raise SystemExit(3)

    @workflow
    async def drops() -> str:
        bomb = Bomb()
        await fetch("a")
        del bomb
        return "fine"

    script = Script(drops)
    script.done(1)
    assert result(script.commands) == b'"fine"'
    dropped = Script(drops)
    dropped.instance.evict()


def test_a_run_goes_on_with_fixed_code() -> None:
    broken = True

    @saga
    async def ends() -> str:
        await store("a")
        if broken:
            sys.exit(3)
        return "fine"

    script = Script(ends)
    with pytest.raises(WorkflowBug, match="3"):
        script.done(1)
    broken = False
    script.rebuilds = True
    script.done(1)
    assert result(script.commands) == b'"fine"'
