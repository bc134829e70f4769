"""The workflow that runs a program. What it has seen goes into the arguments of its activities: history tells the order."""

from __future__ import annotations

import asyncio
import contextvars
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import anyio
from script import fetch, store

from programs.generate import COUNTERS, EVENTS, LOCKS, QUEUES, SEMAPHORES, Body
from programs.lives import Lives
from sagaline import ApplicationError, FailureError, Signal, saga, workflow

_name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="none")
ticks = Signal[int]("ticks")
_KEPT = (FailureError, TimeoutError)


class Refusal(ApplicationError):
    """The program fails here."""


class Interpreter(Lives):
    """One run of a program, with what its branches share."""

    def __init__(self) -> None:
        self.seen = 0  # a checksum of all that was noted
        self.locks = [asyncio.Lock() for _ in range(LOCKS)]
        self.semaphores = [asyncio.Semaphore(2), asyncio.BoundedSemaphore(1)][:SEMAPHORES]
        self.events = [asyncio.Event() for _ in range(EVENTS)]
        self.queues: Sequence[asyncio.Queue[int]] = (asyncio.Queue(1), asyncio.PriorityQueue())[:QUEUES]
        self.counters = [0] * COUNTERS
        self.condition = asyncio.Condition()
        self.barrier = asyncio.Barrier(2)

    def note(self, *what: object) -> None:
        """Remembers that this happened, after all that happened before."""
        self.seen = zlib.crc32(repr(what).encode(), self.seen)

    async def run(self, body: Body) -> int:
        """Performs the nodes one after the other."""
        for kind, *arguments in body:
            do: Callable[..., Coroutine[Any, Any, None]] = getattr(self, f"do_{kind}")
            await do(*arguments)
            self.note(kind)
        return len(body)

    def task(self, body: Body) -> asyncio.Task[int]:
        """The body as a task."""
        return asyncio.create_task(self.run(body))

    async def do_fetch(self) -> None:
        self.note(await fetch(f"{self.seen:08x}"))

    async def do_store(self) -> None:
        self.note(await store(f"{self.seen:08x}"))

    async def do_sleep(self, milliseconds: int) -> None:
        await asyncio.sleep(milliseconds / 1_000)

    async def do_turn(self) -> None:
        await workflow.sleep(0)

    async def do_set(self, number: int) -> None:
        self.events[number].set()

    async def do_await(self, number: int, milliseconds: int) -> None:
        await self._patiently(milliseconds, self.events[number].wait())

    async def do_put(self, number: int, item: int, milliseconds: int) -> None:
        await self._patiently(milliseconds, self.queues[number].put(item))

    async def do_get(self, number: int, milliseconds: int) -> None:
        await self._patiently(milliseconds, self.queues[number].get())

    async def do_count(self, number: int) -> None:
        self.counters[number] += 1

    async def do_until(self, number: int, least: int, milliseconds: int) -> None:
        await self._patiently(milliseconds, workflow.wait_condition(lambda: self.counters[number] >= least))

    async def do_notify(self, count: int) -> None:
        async with self.condition:
            self.condition.notify(count)

    async def do_notified(self, milliseconds: int) -> None:
        async with self.condition:
            await self._patiently(milliseconds, self.condition.wait())

    async def do_meet(self, milliseconds: int) -> None:
        try:
            await self._patiently(milliseconds, self.barrier.wait())
        except asyncio.BrokenBarrierError:
            self.note("broken")

    async def do_chance(self) -> None:
        self.note(workflow.uuid7(), workflow.random().random(), workflow.now(), asyncio.get_running_loop().time())

    async def do_names(self) -> None:
        self.note(sorted(task.get_name() for task in asyncio.all_tasks()))

    async def do_receive(self, milliseconds: int) -> None:
        await self._patiently(milliseconds, ticks.receive())

    async def do_look(self) -> None:
        self.note(ticks.waiting(), ticks.receive_nowait(-1))

    async def do_fail(self) -> None:
        raise Refusal("no")

    async def do_gather(self, keeps: int, bodies: list[Body]) -> None:
        results = await asyncio.gather(*(self.run(body) for body in bodies), return_exceptions=bool(keeps))
        self.note([_kind(each) for each in results])

    async def do_group(self, bodies: list[Body]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for body in bodies:
                    group.create_task(self.run(body))
        except* _KEPT as errors:
            self.note([_kind(each) for each in errors.exceptions])

    async def do_try(self, body: Body) -> None:
        try:
            await self.run(body)
        except _KEPT as error:
            self.note(_kind(error))

    async def do_finally(self, body: Body, last: Body) -> None:
        try:
            await self.run(body)
        finally:
            await self.run(last)

    async def do_within(self, milliseconds: int, body: Body) -> None:
        try:
            async with asyncio.timeout(milliseconds / 1_000):
                await self.run(body)
        except TimeoutError:
            self.note("late")

    async def do_wait_for(self, milliseconds: int, body: Body) -> None:
        await self._patiently(milliseconds, self.run(body))

    async def do_shield(self, body: Body) -> None:
        inner = self.task(body)
        try:
            await asyncio.shield(inner)
        except asyncio.CancelledError:
            self.note("cancelled")
            await asyncio.wait([inner])
            raise

    async def do_wait(self, mode: str, milliseconds: int, is_set: int, bodies: list[Body]) -> None:
        tasks = [self.task(body) for body in bodies]
        limit = milliseconds / 1_000 if milliseconds else None
        try:
            done, pending = await asyncio.wait(set(tasks) if is_set else tasks, timeout=limit, return_when=mode)
            for task in done:
                self.note("done", tasks.index(task), task.cancelled() or _kind(task.exception()))
            for task in pending:
                self.note("pending", tasks.index(task))
                await fetch(f"{self.seen:08x}")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def do_completed(self, how: int, bodies: list[Body]) -> None:
        coroutines = map(self.run, bodies)
        limit = 0.005 if how == 2 else None
        for each in asyncio.as_completed(coroutines if how else list(coroutines), timeout=limit):
            try:
                self.note(await each)
            except _KEPT as error:
                self.note(_kind(error))

    async def do_cancel(self, body: Body, meanwhile: Body) -> None:
        task = self.task(body)
        await self.run(meanwhile)
        self.note(task.cancel(), task.cancelling())
        try:
            await task
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if me is None or me.cancelling():
                raise
        except _KEPT as error:
            self.note(_kind(error))

    async def do_absorb(self, body: Body, after: Body) -> None:
        try:
            await self.run(body)
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if me is None or not me.cancelling():
                raise
            self.note("absorbed", me.uncancel())
            await self.run(after)

    async def do_lock(self, number: int, body: Body) -> None:
        async with asyncio.timeout(0.05), self.locks[number]:
            await self.run(body)

    async def do_semaphore(self, number: int, body: Body) -> None:
        async with self.semaphores[number]:
            await self.run(body)

    async def do_stream(self, most: int, body: Body) -> None:
        async def pages() -> AsyncIterator[int]:
            try:
                for page in range(3):
                    await self.run(body)
                    yield page
            finally:
                self.note("end of stream")
                await fetch(f"{self.seen:08x}")

        async for page in pages():
            if page >= most:
                break

    async def do_context(self, bodies: list[Body]) -> None:
        before = _name.get()

        async def named(number: int, body: Body) -> None:
            _name.set(f"{before}.{number}")
            await self.run(body)
            self.note(_name.get())

        await asyncio.gather(*(named(number, body) for number, body in enumerate(bodies)))
        self.note(_name.get())

    async def do_anyio_group(self, bodies: list[Body]) -> None:
        async def scoped(body: Body) -> None:
            with anyio.CancelScope():
                await self.run(body)

        try:
            async with anyio.create_task_group() as group:
                for body in bodies:
                    group.start_soon(scoped, body)
        except* _KEPT as errors:
            self.note([_kind(each) for each in errors.exceptions])

    async def do_anyio_within(self, milliseconds: int, body: Body) -> None:
        with anyio.move_on_after(milliseconds / 1_000) as scope:
            await self.run(body)
        self.note(scope.cancelled_caught)

    async def do_anyio_shield(self, body: Body) -> None:
        with anyio.CancelScope(shield=True):
            await self.run(body)

    async def _patiently(self, milliseconds: int, work: Coroutine[Any, Any, object]) -> None:
        try:
            self.note(await asyncio.wait_for(work, milliseconds / 1_000 if milliseconds else 0.02))
        except TimeoutError:
            self.note("late")


def _kind(outcome: object) -> str:
    return type(outcome).__name__


@workflow(signals=[ticks])
async def plain(body: list[Any]) -> int:
    """A program without rollback."""
    return await Interpreter().run(body)


@saga(signals=[ticks])
async def undoing(body: list[Any]) -> int:
    """A program whose stores are undone when it fails."""
    return await Interpreter().run(body)
