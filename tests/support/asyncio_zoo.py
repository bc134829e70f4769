"""Everything of asyncio in one workflow, on a real worker: normally, with a cache of zero, and killed after each record.

python -m asyncio_zoo       # prints what each mode made of it: the same, whatever the seed of hashes
"""

from __future__ import annotations

import asyncio
import json

from scenario_book import effect
from three_modes import Code, in_each_mode

from sagaline import ActivityError, ApplicationError, Client, activity, workflow


@activity
async def echo(text: str) -> str:
    effect()
    await asyncio.sleep(0)
    return text


@activity(timeout="30s")
async def hang(text: str) -> str:
    await asyncio.sleep(1_000)
    return text


class Refused(ApplicationError):
    retryable = False


@activity(refusals=(Refused,))
async def refuse(text: str) -> str:
    raise Refused(text)


async def branches(seen: list[str]) -> None:
    """gather, TaskGroup with a failure, wait, as_completed."""
    seen += await asyncio.gather(*(echo(f"gather {n}") for n in range(3)))
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(hang("beside"))
            group.create_task(refuse("group"))
    except* ActivityError as errors:
        seen.append(f"group: {len(errors.exceptions)}")
    tasks = [asyncio.create_task(echo(f"wait {n}")) for n in range(4)]
    done, _ = await asyncio.wait(tasks)
    seen += [task.result() for task in done]
    seen += sorted([await each for each in asyncio.as_completed([echo(f"completed {n}") for n in "abc"])])


async def limits(seen: list[str]) -> None:
    """timeout, wait_for, shield, nested cancellation."""
    try:
        async with asyncio.timeout(0.01):
            await hang("timeout")
    except TimeoutError:
        seen.append("timeout")
    try:
        await asyncio.wait_for(hang("wait_for"), 0.01)
    except TimeoutError:
        seen.append("wait_for")
    kept = asyncio.ensure_future(echo("kept"))

    async def outer() -> None:
        try:
            await asyncio.shield(kept)
        finally:
            seen.append(await echo("tidy"))

    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    seen.append(f"{await kept}, cancelled: {task.cancelled()}")


async def locks(seen: list[str]) -> None:
    """Lock, Semaphore, Queue, Event, Condition, Barrier."""
    lock, semaphore, event, condition = asyncio.Lock(), asyncio.Semaphore(2), asyncio.Event(), asyncio.Condition()
    queue: asyncio.Queue[str] = asyncio.Queue(1)
    barrier, taken = asyncio.Barrier(3), list[str]()

    async def produce(number: int) -> None:
        await barrier.wait()
        async with semaphore, lock:
            await queue.put(await echo(f"item {number}"))

    async def consume() -> None:
        for _ in range(3):
            taken.append(await queue.get())
        event.set()
        async with condition:
            condition.notify_all()

    async def notice() -> None:
        async with condition:
            await condition.wait_for(event.is_set)

    await asyncio.gather(notice(), consume(), *(produce(number) for number in range(3)))
    seen += sorted(taken)


@workflow
async def zoo() -> list[str]:
    seen: list[str] = []
    await branches(seen)
    await limits(seen)
    await locks(seen)
    await workflow.wait_condition(lambda: len(seen) > 10)
    return seen


CODE = Code([zoo], [echo, hang, refuse])


async def scenario(client: Client) -> list[str]:
    """Runs it."""
    return await client.execute(zoo, id="zoo")


if __name__ == "__main__":
    print(json.dumps({mode: outcome._asdict() for mode, outcome in in_each_mode(CODE, scenario).items()}))
